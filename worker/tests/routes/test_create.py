"""Route create on real pipelines with tiny random weights."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.create import CreateInput, CreateOutput
from studio.failures import Cancelled, StudioFailure
from studio.routes import create
from studio.settings import Settings

pytestmark = pytest.mark.slow


def ask(settings, context=None, **values):
    values = {"route": "create", "prompt": "a cat", "width": 256, "height": 256, "steps": 2, "seed": 5} | values
    return create.run(CreateInput(**values), context or JobContext("job-1", settings))


def opened(text):
    return Image.open(BytesIO(base64.b64decode(text, validate=True)))


def test_one_seed_gives_the_same_bytes_and_another_one_others(tiny_settings):
    first = ask(tiny_settings)
    assert ask(tiny_settings)["image"] == first["image"]
    assert ask(tiny_settings, seed=6)["image"] != first["image"]


def test_image_n_of_a_job_equals_a_job_of_its_own_with_seed_plus_n(tiny_settings):
    several = ask(tiny_settings, num_images=3, seed=40)
    by_id = {image["id"]: image for image in several["images"]}
    assert sorted(by_id) == ["img_000_00", "img_000_01", "img_000_02"]
    for number, image in enumerate(by_id[name] for name in sorted(by_id)):
        alone = ask(tiny_settings, seed=40 + number)
        assert image["seed"] == 40 + number
        assert image["image"] == alone["image"]
        assert image["aesthetic_score"] == alone["aesthetic_score"]


def test_the_best_images_come_first_and_only_as_many_as_asked(tiny_settings):
    everything = ask(tiny_settings, num_images=4)["images"]
    scores = [image["aesthetic_score"] for image in everything]
    assert len(set(scores)) > 1
    assert scores == sorted(scores, reverse=True)
    best = ask(tiny_settings, num_images=4, top_k=2)
    assert best["images"] == everything[:2]
    assert best["aesthetic_score"] == scores[0]
    assert "image" not in best


def test_output_has_the_form_of_the_contract_and_tells_the_effective_parameters(tiny_settings):
    output = ask(tiny_settings, width=320, height=256, cfg_scale=3.0, negative_prompt="text")
    CreateOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    metadata = output["metadata"]
    assert opened(output["image"]).size == (320, 256)
    assert {name: metadata[name] for name in ("width", "height", "seed", "steps", "cfg_scale", "scheduler")} == {
        "width": 320,
        "height": 256,
        "seed": 5,
        "steps": 2,
        "cfg_scale": 3.0,
        "scheduler": "edm_dpm",
    }
    assert (metadata["rendered_width"], metadata["rendered_height"]) == (96, 64)
    assert metadata["enlarged_by"] == "Tiny 4x"
    assert metadata["model"] == "tiny"
    assert metadata["score_model"] == "tiny-scorer"
    assert len(metadata["worker"]["model_hash"]) == 64


def test_a_random_seed_is_told_and_reproduces_the_image(tiny_settings):
    random = ask(tiny_settings, seed=-1)
    seed = random["metadata"]["seed"]
    assert 0 <= seed < 2**32
    assert ask(tiny_settings, seed=seed)["image"] == random["image"]


@pytest.mark.parametrize(
    ("output_format", "magic"), [("jpeg", b"\xff\xd8\xff"), ("png", b"\x89PNG"), ("webp", b"RIFF")]
)
def test_the_asked_format_is_delivered(tiny_settings, output_format, magic):
    output = ask(tiny_settings, output_format=output_format)
    assert base64.b64decode(output["image"]).startswith(magic)
    assert output["metadata"]["output_format"] == output_format


def test_progress_never_goes_back(tiny_settings):
    seen = []
    ask(tiny_settings, JobContext("job-1", tiny_settings, seen.append), num_images=2)
    percents = [progress["percent"] for progress in seen]
    assert percents == sorted(percents)
    assert percents[-1] < 100
    assert [p["message"] for p in seen if p["message"].startswith("Step")] == [f"Step {n} of 4" for n in range(1, 5)]


def test_a_cancelled_job_stops_between_two_steps(tiny_settings):
    seen = []
    context = JobContext("job-1", tiny_settings, seen.append, lambda: any("Step 2" in p["message"] for p in seen))
    with pytest.raises(Cancelled):
        ask(tiny_settings, context, steps=30)
    assert seen[-1]["message"] == "Step 2 of 30"


def test_more_best_images_than_images_are_refused(tiny_settings):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'top_k' is 3; at most 'num_images', which is 2"):
        ask(tiny_settings, num_images=2, top_k=3)


def test_plain_euler_stands_for_the_euler_sampler_that_fits(tiny_settings):
    output = ask(tiny_settings, scheduler="euler")
    assert output["metadata"]["scheduler"] == "edm_euler"
    assert output["image"] == ask(tiny_settings, scheduler="edm_euler")["image"]
    assert output["image"] != ask(tiny_settings)["image"]


def test_missing_weights_name_the_paths_that_were_tried(tmp_path):
    settings = Settings(model_set="core", model_root=tmp_path, volume_root=tmp_path / "volume", wait_for_assets_s=0)
    with pytest.raises(StudioFailure) as caught:
        ask(settings)
    assert caught.value.code == "ASSET_MISSING"
    assert str(tmp_path / "playground-v2.5-1024px-aesthetic") in str(caught.value)
    assert "models--playgroundai--playground-v2.5-1024px-aesthetic" in str(caught.value)
