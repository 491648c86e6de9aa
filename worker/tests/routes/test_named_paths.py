"""Models that the environment names: they go before those of the set, or the job says what is missing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerDiscreteScheduler

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.create import CreateInput
from studio.contract.models import ModelsInput
from studio.failures import StudioFailure
from studio.installed.choose import choose
from studio.routes import create, models
from studio.warm_start import default_files
from tests import single_file, tiny_models
from tests.installed_files import FLUX, SDXL, write, write_folder


def make(settings, **values):
    values = {"width": 256, "height": 256, "steps": 1, "seed": 5, "output_format": "png"} | values
    return create.run(CreateInput(route="create", prompt="a cat", **values), JobContext("job-1", settings))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another model as a folder and as a file, and another predictor."""
    root = tmp_path_factory.mktemp("other")
    torch.manual_seed(11)
    pipe = tiny_models.build_pipeline(second_width=40)
    pipe.vae.register_to_config(latents_mean=None, latents_std=None, scaling_factor=0.13025)
    pipe.scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1)
    pipe.save_pretrained(root / "models/diffusers/brush")
    single_file.write(pipe, root / "pencil.safetensors")
    tiny_models.build_siglip_scorer(root / "siglip")
    return root


@pytest.mark.slow
def test_the_environments_model_is_drawn_with_instead_of_the_sets(tiny_settings, other):
    settings = replace(tiny_settings, model_path=other / "models/diffusers/brush")
    made = make(settings)
    assert made["metadata"]["model"] == "brush"
    assert made["image"] != make(tiny_settings)["image"]
    assert made["image"] == make(settings, model="brush")["image"]
    assert make(settings, model="tiny")["image"] == make(tiny_settings)["image"]


@pytest.mark.slow
def test_it_may_be_a_single_file(tiny_settings, other):
    made = make(replace(tiny_settings, model_path=other / "pencil.safetensors", volume_root=other))
    assert made["metadata"]["model"] == "pencil.safetensors"


@pytest.mark.slow
def test_any_vision_model_and_head_that_fit_are_a_predictor(tiny_settings, tiny_set, other, tmp_path):
    pair = {"scorer_tower": other / "siglip", "scorer_head": other / "siglip/head.pth"}
    own, named = make(tiny_settings), make(replace(tiny_settings, **pair))
    assert named["image"] == own["image"] and named["aesthetic_score"] != own["aesthetic_score"]
    assert (named["metadata"]["score_model"], named["metadata"]["score_max"]) == ("head", 10.0)
    manifest = json.loads(Path(tiny_set).read_text())
    manifest.pop("scorer")
    (tmp_path / "plain.json").write_text(json.dumps(manifest))
    plain = replace(tiny_settings, model_set=str(tmp_path / "plain.json"))
    assert make(plain)["aesthetic_score"] is None
    assert make(replace(plain, **pair))["aesthetic_score"] == named["aesthetic_score"]


@pytest.mark.slow
def test_a_pair_that_does_not_fit_fails_before_the_first_step(tiny_settings, other):
    told = []
    settings = replace(tiny_settings, scorer_head=other / "siglip/head.pth")
    asked = CreateInput(route="create", prompt="a cat", width=256, height=256, steps=1)
    with pytest.raises(StudioFailure, match="JOB_FAILED: .*takes 32 features, .*gives 16"):
        create.run(asked, JobContext("job-1", settings, told.append))
    assert {news["stage"] for news in told} == {"loading"}


def missing(find) -> str:
    with pytest.raises(StudioFailure, match="ASSET_MISSING") as caught:
        find()
    return str(caught.value)


@pytest.mark.parametrize("variable", ["model_path", "scorer_tower", "scorer_head"])
def test_what_is_not_there_is_told_with_the_path_that_was_tried(tiny_settings, tmp_path, variable):
    # The set has all of it: the environment goes first, also where it is wrong.
    settings = replace(tiny_settings, **{variable: tmp_path / "gone.pth"}, wait_for_assets_s=0)
    assert f"paths that were tried: {tmp_path}/gone.pth" in missing(lambda: make(settings))


def test_a_head_without_any_vision_model_names_the_variable(tmp_path):
    settings = without_scorer(tmp_path)
    (tmp_path / "head.pth").touch()
    assert "SIGLIP_PATH" in missing(Assets(replace(settings, scorer_head=tmp_path / "head.pth")).scorer)


def without_scorer(folder):
    from studio.manifest import SETS
    from studio.settings import Settings

    manifest = json.loads((SETS / "core.json").read_text())
    manifest.pop("scorer")
    (folder / "plain.json").write_text(json.dumps(manifest))
    return Settings(model_set=str(folder / "plain.json"), volume_root=folder)


def test_a_file_of_another_type_is_refused(tiny_settings, tmp_path):
    path = write(tmp_path / "flux1-dev.safetensors", FLUX)
    with pytest.raises(StudioFailure, match="INVALID_INPUT: MODEL_PATH is 'flux1-dev.safetensors', which is a part"):
        choose(Assets(replace(tiny_settings, model_path=path)))


def test_the_sets_own_model_keeps_its_card_at_another_place(tmp_path):
    from studio.settings import Settings

    name = "playground-v2.5-1024px-aesthetic"
    snapshot = tmp_path / f"huggingface-cache/hub/models--playgroundai--{name}/snapshots/0123abc"
    for path in (tmp_path / "copy" / name, snapshot):
        write_folder(path, "StableDiffusionXLPipeline", "EDMDPMSolverMultistepScheduler")
        card = Assets(Settings(model_set="core", model_path=path)).card()
        assert (card.name, card.license) == (name, "Playground v2.5 Community License")


def test_the_list_of_models_tells_the_one_in_use(tiny_settings, tmp_path):
    path = write(tmp_path / "painter.safetensors", SDXL)
    settings = replace(tiny_settings, model_path=path)
    listed = models.run(ModelsInput(route="models"), JobContext("job-1", settings))
    assert listed["default_model"] == "painter.safetensors"
    assert [entry["name"] for entry in listed["checkpoints"][:2]] == ["painter.safetensors", "tiny"]
    assert path in default_files(Assets(settings))
    path.unlink()
    assert str(path) in missing(Assets(settings).card)
    again = models.run(ModelsInput(route="models"), JobContext("job-1", settings))
    assert (again["default_model"], again["checkpoints"][0]["name"]) == (None, "tiny")
