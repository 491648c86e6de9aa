"""The safety check and the mark of a preview: a tiny classifier with random weights, told what to find."""

import base64
import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.create import CreateInput
from studio.contract.upscale import UpscaleInput
from studio.failures import StudioFailure
from studio.media.watermark import watermarked
from studio.routes import create, upscale

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checked_set(tiny_set, tmp_path_factory):
    """Makes the tiny set with a classifier that finds every image unsafe, or none."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    def build(verdict: str):
        folder = tmp_path_factory.mktemp("checked")
        shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        labels = {0: "normal", 1: "nsfw"}
        network = ViTForImageClassification(
            ViTConfig(**shape, image_size=32, patch_size=16, id2label=labels, label2id={"normal": 0, "nsfw": 1})
        )
        with torch.no_grad():
            network.classifier.weight.zero_()
            network.classifier.bias.copy_(torch.tensor([0.0, 9.0] if verdict == "unsafe" else [9.0, 0.0]))
        manifest = json.loads(tiny_set.read_text())
        card = {"name": "tiny-safety", "path": f"safety-{verdict}", "unsafe_labels": ["NSFW"], "license": "MIT"}
        network.save_pretrained(tiny_set.parent / card["path"])
        path = folder / "checked.json"
        path.write_text(json.dumps(manifest | {"safety": card}))
        return path

    return build


def make(settings, **values):
    asked = CreateInput(route="create", prompt="a cat", width=256, height=256, steps=1, seed=1, **values)
    return create.run(asked, JobContext("job", settings))


def pixels(text):
    return np.asarray(Image.open(BytesIO(base64.b64decode(text)))).astype(int)


def sharpness(image):
    return np.abs(np.diff(image, axis=1)).mean()


def test_what_is_unfit_is_blurred_and_flagged(checked_set, tiny_settings):
    plain = make(tiny_settings, output_format="png")
    settings = replace(tiny_settings, model_set=str(checked_set("unsafe")), safety_check=True)
    found = make(settings, output_format="png")
    assert "flagged" not in plain and found["flagged"] is True
    assert pixels(found["image"]).shape == pixels(plain["image"]).shape
    assert sharpness(pixels(found["image"])) < 0.5 * sharpness(pixels(plain["image"]))
    several = make(settings, num_images=2)
    assert [image["flagged"] for image in several["images"]] == [True, True]
    source = UpscaleInput(route="upscale", images=[plain["image"]], upscale_factor=1.0)
    enlarged = upscale.run(source, JobContext("job", settings))
    assert enlarged["flagged"] is True and "flagged" not in enlarged["metadata"]


def test_what_is_fit_stays_as_it_is(checked_set, tiny_settings):
    plain = make(tiny_settings)
    found = make(replace(tiny_settings, model_set=str(checked_set("safe")), safety_check=True))
    assert found["flagged"] is False
    assert found["image"] == plain["image"]


def test_without_its_model_nothing_goes_out_unchecked(tiny_settings):
    with pytest.raises(StudioFailure, match="ASSET_MISSING") as caught:
        make(replace(tiny_settings, safety_check=True))
    assert "safety model" in str(caught.value)


def test_a_preview_is_marked_across_its_middle(tiny_settings):
    plain = make(tiny_settings, output_format="png")
    marked = make(replace(tiny_settings, watermark="PREVIEW"), output_format="png")
    difference = np.abs(pixels(plain["image"]) - pixels(marked["image"])).max(axis=2) > 8
    rows, columns = np.nonzero(difference.any(axis=1))[0], np.nonzero(difference.any(axis=0))[0]
    assert 0.4 < (columns[-1] - columns[0]) / 256 < 0.8
    assert abs(rows.mean() - 128) < 20
    assert not difference[:60].any()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_mark_is_seen_on_every_ground(shade):
    ground = np.full((120, 300, 3), shade, np.uint8)
    assert np.abs(watermarked(ground, "Preview").astype(int) - ground).max() > 40
