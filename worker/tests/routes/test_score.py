"""Route score on a tiny predictor: form, order, sets without one."""

import base64
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.score import ScoreInput, ScoreOutput
from studio.failures import Cancelled, StudioFailure
from studio.routes import score
from studio.settings import Settings


def text_of(pixels: np.ndarray, file_format: str = "PNG") -> str:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, file_format)
    return base64.b64encode(buffer.getvalue()).decode()


def noise(seed: int, edge: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (edge, edge, 3), dtype=np.uint8)


def ask(settings, images, context=None):
    return score.run(ScoreInput(route="score", images=images), context or JobContext("job-1", settings))


@pytest.mark.slow
def test_output_has_the_form_of_the_contract_and_the_order_of_the_images(tiny_settings):
    texts = [text_of(noise(1)), text_of(noise(2))]
    output = ask(tiny_settings, texts)
    ScoreOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    assert [entry["id"] for entry in output["scores"]] == ["img_000_00", "img_000_01"]
    for entry in output["scores"]:
        assert (entry["score_model"], entry["score_min"], entry["score_max"]) == ("tiny-scorer", 1.0, 10.0)
    assert output["metadata"]["score_license"] == "MIT"
    swapped = ask(tiny_settings, texts[::-1])["scores"]
    assert [entry["aesthetic_score"] for entry in swapped] == [
        entry["aesthetic_score"] for entry in reversed(output["scores"])
    ]


@pytest.mark.slow
def test_the_score_is_the_one_that_create_gives(tiny_settings):
    from studio.contract.create import CreateInput
    from studio.routes import create

    asked = CreateInput(route="create", prompt="a cat", width=256, height=256, steps=1, seed=5, output_format="png")
    made = create.run(asked, JobContext("job-1", tiny_settings))
    again = ask(tiny_settings, [made["image"]])["scores"][0]
    assert again["aesthetic_score"] == made["aesthetic_score"]
    assert again["score_model"] == made["metadata"]["score_model"]


@pytest.mark.slow
def test_a_job_can_be_cancelled_between_two_images(tiny_settings):
    seen = []
    context = JobContext("job-1", tiny_settings, seen.append, lambda: any("image 1" in p["message"] for p in seen))
    with pytest.raises(Cancelled):
        ask(tiny_settings, [text_of(noise(1)), text_of(noise(2))], context)
    assert "image 1 of 2" in seen[-1]["message"]


def test_a_set_without_a_scorer_says_so(tiny_set, tmp_path):
    manifest = json.loads(Path(tiny_set).read_text())
    manifest.pop("scorer")
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(StudioFailure, match="ASSET_MISSING.*aesthetic predictor"):
        ask(Settings(model_set=str(path), device="cpu"), [text_of(noise(1))])


def test_an_optional_scorer_that_is_not_there_is_missing_here(tiny_set, tmp_path):
    manifest = json.loads(Path(tiny_set).read_text())
    manifest["scorer"] |= {"optional": True, "head": "scorer/gone.safetensors"}
    path = tmp_path / "gone.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(StudioFailure, match="ASSET_MISSING: Missing model file 'scorer/gone.safetensors'"):
        ask(Settings(model_set=str(path), device="cpu"), [text_of(noise(1))])


def test_a_text_is_no_image(tiny_settings):
    with pytest.raises(StudioFailure, match="UNSUPPORTED_IMAGE: Image 2"):
        ask(tiny_settings, [text_of(noise(1)), base64.b64encode(b"not an image").decode()])
