"""Upscale and score with the demo set as it is shipped. Skipped while its weights are not there."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.score import ScoreInput
from studio.contract.upscale import UpscaleInput
from studio.routes import score, upscale
from studio.settings import Settings

pytestmark = pytest.mark.slow

SETTINGS = Settings(model_set="demo", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def weights():
    assets = Assets(SETTINGS)
    if assets.upscaler()[1] is None or assets.scorer() is None:
        pytest.skip("the demo set has no upscaler or scorer here yet")


def drawing(edge: int = 64) -> Image.Image:
    # Yellow and red of the pictures that the set was trained on: to others its small enlarger is less true.
    image = Image.new("RGB", (edge * 4, edge * 4), (252, 214, 96))
    ImageDraw.Draw(image).ellipse((edge, edge, edge * 3, edge * 3), (232, 84, 84))
    return image.resize((edge, edge), Image.Resampling.LANCZOS)


def text_of(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def enlarged(image: Image.Image, **values) -> tuple[Image.Image, dict]:
    asked = UpscaleInput(route="upscale", images=[text_of(image)], output_format="png", **values)
    output = upscale.run(asked, JobContext("demo", SETTINGS))
    return Image.open(BytesIO(base64.b64decode(output["image"]))), output["metadata"]


def scores(*images: Image.Image) -> list[float]:
    output = score.run(ScoreInput(route="score", images=[text_of(i) for i in images]), JobContext("demo", SETTINGS))
    return [entry["aesthetic_score"] for entry in output["scores"]]


def test_the_enlarged_drawing_is_the_same_drawing():
    small = drawing()
    large, metadata = enlarged(small)
    assert (large.size, metadata["upscaler"]) == ((256, 256), "Studio Demo 4x")
    back = np.asarray(large.resize(small.size, Image.Resampling.BOX), np.float32)
    assert np.abs(back - np.asarray(small, np.float32)).mean() < 8


def test_every_kind_is_the_one_network_of_the_set_and_says_so():
    for kind in ("photo", "art", "conservative"):
        _, metadata = enlarged(drawing(16), upscale_model=kind)
        assert (metadata["upscale_model"], metadata["upscaler"]) == (kind, "Studio Demo 4x")


def test_tiles_leave_no_seams():
    # Smaller tiles than a job may ask for, so that a small drawing has many.
    from studio.engines import loaded
    from studio.engines.upscale.enlarge import enlarge

    pixels = np.asarray(drawing(192))
    network = loaded.required_upscaler(Assets(SETTINGS), "photo", "cpu")
    whole = enlarge(network, pixels, 768, 768)
    tiled = enlarge(network, pixels, 768, 768, tile=128)
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 8


def test_the_score_changes_with_the_content_and_not_with_the_size():
    sharp = drawing(256)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8))
    blurred = sharp.filter(ImageFilter.GaussianBlur(12))
    best, double, worst, soft = scores(sharp, sharp.resize((512, 512), Image.Resampling.LANCZOS), noise, blurred)
    assert abs(best - double) < 0.3
    assert best > worst + 0.3
    assert abs(best - soft) > 0.1
