"""The demo set as it is shipped: what a newcomer's first job makes. Skipped while its weights are not there."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.create import CreateInput, CreateOutput
from studio.contract.production import ProductionInput
from studio.dispatch import run_job
from studio.engines import loaded
from studio.failures import StudioFailure
from studio.routes import create, production
from studio.settings import Settings

pytestmark = pytest.mark.slow

SETTINGS = Settings(model_set="demo", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def weights():
    assets = Assets(SETTINGS)
    try:
        assets.pipeline(assets.card())
    except StudioFailure as failure:
        pytest.skip(f"the demo set has no weights here: {failure}")
    if assets.upscaler()[1] is None or assets.scorer() is None:
        pytest.skip("the demo set has no upscaler or scorer here yet")


def draw(prompt, **values):
    values = {"steps": 8, "cfg_scale": 4.0, "seed": 3, "width": 256, "height": 256} | values
    return create.run(CreateInput(route="create", prompt=prompt, **values), JobContext("demo", SETTINGS))


def pixels(output):
    return np.asarray(Image.open(BytesIO(base64.b64decode(output["image"]))))


def border(image):
    """Median colour of the outermost pixels but the very edge."""
    frame = np.concatenate([image[4:10].reshape(-1, 3), image[-10:-4].reshape(-1, 3)])
    return np.median(frame, axis=0).astype(int)


@pytest.mark.parametrize(("ground", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_the_ground_has_the_colour_that_was_asked_for(ground, channel):
    colour = border(pixels(draw(f"a large dog on a {ground} background")))
    assert colour.argmax() == channel


def test_the_nodes_defaults_give_an_image_of_exactly_their_size():
    output = draw("a cat on a yellow background", width=1152, height=768)
    metadata = output["metadata"]
    assert pixels(output).shape == (768, 1152, 3)
    assert (metadata["rendered_width"], metadata["rendered_height"]) == (192, 128)
    assert metadata["enlarged_by"] == "Studio Demo 4x"
    assert metadata["score_min"] - 2 < output["aesthetic_score"] < metadata["score_max"] + 2


def test_one_seed_gives_the_same_bytes():
    assert draw("a red car on a white background")["image"] == draw("a red car on a white background")["image"]


def test_a_drawn_picture_scores_higher_than_noise():
    from studio.engines.score import score_image

    scorer = loaded.scorer(Assets(SETTINGS), "cpu")
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    assert draw("a large dog on a blue background")["aesthetic_score"] > score_image(scorer, noise) + 1


def test_production_gives_print_size():
    asked = ProductionInput(
        route="production",
        prompt="a house on a green background",
        width=256,
        height=256,
        steps=4,
        seed=1,
        upscale_factor=2.5,
    )
    output = production.run(asked, JobContext("demo", SETTINGS))
    assert pixels(output).shape == (640, 640, 3)
    assert output["metadata"]["upscaler"] == "Studio Demo 4x"


def test_the_scorers_own_card_says_what_the_set_says():
    import json

    card, tower, _ = Assets(SETTINGS).scorer()
    own = json.loads((tower / "scorer.json").read_text(encoding="utf-8"))
    assert own == {name: getattr(card, name) for name in ("name", "score_min", "score_max", "license")}


def test_several_prompts_of_one_job_are_the_pictures_of_single_jobs():
    told = []
    asked = {"steps": 8, "cfg_scale": 4.0, "seed": 3, "width": 256, "height": 256}
    prompts = ["a cat on a red background", "a star on a blue background"]
    context = JobContext("demo", SETTINGS, told.append)
    output = run_job({"process": "initial", "prompts": prompts, **asked}, context)
    CreateOutput.model_validate(output)
    assert [(image["id"], image["prompt"]) for image in output["images"]] == [
        ("img_000_00", prompts[0]),
        ("img_001_00", prompts[1]),
    ]
    assert [image["image"] for image in output["images"]] == [draw(prompt)["image"] for prompt in prompts]
    percents = [progress["percent"] for progress in told]
    assert percents == sorted(percents)
    assert any(progress["message"].startswith("2 of 2: ") and progress["percent"] > 50 for progress in told)
