"""Route caption on tiny random models of every architecture: form, order, failures of single images."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.caption import CaptionInput, CaptionOutput
from studio.contract.caption_texts import MODELS
from studio.failures import StudioFailure
from studio.routes import caption
from studio.settings import Settings
from tests import tiny_captioners

SHORT = {"max_new_tokens": 8, "min_new_tokens": 3}


def picture(seed: int) -> str:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(model_set=str(tiny_captioners.build_set(tmp_path_factory.mktemp("captioners"))), device="cpu")


def ask(settings, images, context=None, **values):
    asked = CaptionInput(route="caption", images=images, **{"seed": 3, "generation_params": SHORT} | values)
    output = caption.run(asked, context or JobContext("job-1", settings))
    CaptionOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    return output


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "model"), [(name, model) for name, model, _ in tiny_captioners.BUILDERS])
def test_default_is_valid_for_every_model_and_the_one_that_is_asked_answers(settings, variant, model):
    output = ask(settings, [picture(1)], model=model, model_variant=variant)
    assert (output["model"], output["model_variant"], output["mode"]) == (model, variant, "default")
    assert output["caption"] == output["captions"][0]["caption"]
    assert 1 <= output["captions"][0]["tokens"] <= 8
    assert output["prompt"] == MODELS[model]["variants"][variant]["modes"]["default"]
    assert output["summary"] == {"ok": 1, "failed": 0}


@pytest.mark.slow
def test_an_image_gets_the_same_caption_alone_and_beside_others(settings):
    texts = [picture(1), picture(2)]
    both = ask(settings, texts, seed=40)["captions"]
    assert [entry["seed"] for entry in both] == [40, 41]
    alone = ask(settings, texts[1:], seed=41)["captions"]
    assert alone[0]["caption"] == both[1]["caption"]


@pytest.mark.slow
def test_a_broken_image_does_not_stop_the_rest(settings):
    output = ask(settings, [base64.b64encode(b"no image").decode(), picture(1)], model="blip")
    failed, made = output["captions"]
    assert (failed["error"]["code"], "caption" in failed) == ("UNSUPPORTED_IMAGE", False)
    assert made["caption"] and "error" not in made
    assert (output["caption"], output["summary"]) == (None, {"ok": 1, "failed": 1})


def test_a_job_whose_images_all_fail_ends_as_failed(settings):
    with pytest.raises(StudioFailure, match="UNSUPPORTED_IMAGE: Image 1"):
        ask(settings, [base64.b64encode(b"no image").decode()] * 2, model="blip")


def test_a_model_or_variant_that_the_set_lacks_is_named_with_what_it_has(settings):
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND.*blip2-flan-t5-xl.*blip2-opt-2.7b"):
        ask(settings, [picture(1)], model="blip2", model_variant="blip2-flan-t5-xl")


def test_what_has_no_effect_is_taken_with_a_hint(settings):
    asked = CaptionInput(route="caption", images=["x"], joycaption_guidance_scale=7.5, quality="standard")
    assert [hint.split("'")[1] for hint in caption._without_effect(asked)] == ["joycaption_guidance_scale", "quality"]
    assert caption._without_effect(CaptionInput(route="caption", images=["x"])) == []
