"""FLUX as a folder on the volume: drawn as the library draws it, or refused in words."""

import base64
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline
from PIL import Image
from safetensors.torch import save_file

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.create import CreateInput, CreateOutput
from studio.contract.models import ModelsInput
from studio.contract.production import ProductionInput
from studio.failures import Cancelled, StudioFailure
from studio.installed.choose import choose, config_donors
from studio.routes import create, models, production
from tests import tiny_flux
from tests.installed_files import SDXL, SDXL_LORA, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    root = tmp_path_factory.mktemp("flux")
    torch.manual_seed(5)
    tiny_flux.build(root / "models/diffusers/flux-tiny")
    name = "transformer.single_transformer_blocks.0.attn.to_q"
    (root / "models/loras").mkdir()
    save_file(
        {f"{name}.lora_A.weight": torch.randn(4, 32), f"{name}.lora_B.weight": torch.randn(32, 4)},
        root / "models/loras/flow.safetensors",
    )
    write(root / "models/loras/ink.safetensors", SDXL_LORA)
    return root


@pytest.fixture
def settings(tiny_settings, volume):
    return replace(tiny_settings, volume_root=volume)


def ask(settings, context=None, **values):
    values = {"width": 256, "height": 256, "steps": 2, "seed": 5, "cfg_scale": 3.5, "output_format": "png"} | values
    asked = CreateInput(route="create", prompt="a cat", model="flux-tiny", **values)
    output = create.run(asked, context or JobContext("job-1", settings))
    CreateOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    return output


def pixels(output):
    return np.asarray(Image.open(BytesIO(base64.b64decode(output["image"]))), np.int16)


def test_it_draws_what_the_library_draws(settings, volume):
    pipe = FluxPipeline.from_pretrained(volume / "models/diffusers/flux-tiny")
    pipe.set_progress_bar_config(disable=True)
    options = {"width": 256, "height": 256, "num_inference_steps": 2, "guidance_scale": 3.5}
    plain = pipe("a cat", generator=torch.Generator("cpu").manual_seed(5), **options).images[0]
    made = ask(settings)
    assert np.abs(pixels(made) - np.asarray(plain, np.int16)).max() <= 1
    assert pixels(made).std() > 5
    metadata = made["metadata"]
    assert (metadata["model"], metadata["scheduler"], metadata["cfg_scale"]) == ("flux-tiny", "euler", 3.5)


def test_seed_prompt_and_guidance_count_and_a_negative_prompt_does_not(settings):
    first = ask(settings)
    assert ask(settings)["image"] == first["image"]
    assert ask(settings, seed=6)["image"] != first["image"]
    assert ask(settings, cfg_scale=7.0)["image"] != first["image"]
    negative = ask(settings, negative_prompt="blurry")
    assert negative["image"] == first["image"] and negative["metadata"]["negative_prompt"] == ""


def test_several_images_are_those_of_their_seeds(settings):
    several = {image["seed"]: image["image"] for image in ask(settings, num_images=2)["images"]}
    assert several == {5: ask(settings)["image"], 6: ask(settings, seed=6)["image"]}


def test_a_size_between_its_steps_is_exact(settings):
    made = ask(settings, width=264, height=280)
    assert pixels(made).shape == (280, 264, 3)
    assert (made["metadata"]["rendered_width"], made["metadata"]["rendered_height"]) == (272, 288)


def test_production_enlarges_it(settings):
    asked = ProductionInput(
        route="production", prompt="a cat", model="flux-tiny", width=256, height=256, steps=1, upscale_factor=2
    )
    assert pixels(production.run(asked, JobContext("job-1", settings))).shape == (512, 512, 3)


def test_its_loras_change_the_image(settings):
    changed = ask(settings, loras=[{"name": "flow", "weight": 1.0}])
    assert changed["image"] != ask(settings)["image"]
    with pytest.raises(StudioFailure, match="'ink.safetensors' was trained for SDXL and does not work on 'flux-tiny'"):
        ask(settings, loras=[{"name": "ink", "weight": 1.0}])


def test_samplers_of_other_models_are_refused(settings):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'scheduler' is edm_dpm; flux-tiny works with euler"):
        ask(settings, scheduler="edm_dpm")


def test_a_job_is_cancelled_between_two_steps(settings):
    seen = []
    context = JobContext("job-1", settings, seen.append, lambda: any("Step 2" in news["message"] for news in seen))
    with pytest.raises(Cancelled):
        ask(settings, context, steps=20)
    assert seen[-1]["message"] == "Step 2 of 20"


def test_it_is_listed_and_lends_nothing_to_models_of_another_architecture(settings, volume):
    listed = models.run(ModelsInput(route="models"), JobContext("job-1", settings))
    [entry] = [entry for entry in listed["checkpoints"] if entry["name"] == "flux-tiny"]
    assert (entry["type"], entry["usable"]) == ("flux", True)
    assert {lora["name"]: lora["usable"] for lora in listed["loras"]} == {
        "flow.safetensors": True,
        "ink.safetensors": True,
    }
    write(volume / "models/checkpoints/painter.safetensors", SDXL)
    assets = Assets(settings)
    donors = config_donors(assets, choose(assets, "painter"))
    assert donors and volume / "models/diffusers/flux-tiny" not in donors


def test_a_part_that_is_missing_is_told(settings, volume, tmp_path):
    import shutil

    shutil.copytree(volume / "models/diffusers/flux-tiny", tmp_path / "models/diffusers/half")
    shutil.rmtree(tmp_path / "models/diffusers/half/text_encoder_2")
    with pytest.raises(StudioFailure, match="ASSET_MISSING: Missing model file 'text_encoder_2'"):
        choose(Assets(replace(settings, volume_root=tmp_path)), "half", [SimpleNamespace(name="x", weight=1.0)])
