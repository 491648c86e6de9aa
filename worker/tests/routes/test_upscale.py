"""Route upscale: sizes, passes and names on tiny networks; what is refused before anything is loaded."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.upscale import UpscaleInput, UpscaleOutput
from studio.engines.upscale import memory
from studio.engines.upscale.steps import plan_steps
from studio.failures import Cancelled, StudioFailure
from studio.routes import upscale


def text_of(width: int, height: int, seed: int = 1) -> str:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def ask(settings, images, context=None, **values):
    values = {"route": "upscale", "images": images, "output_format": "png"} | values
    return upscale.run(UpscaleInput(**values), context or JobContext("job-1", settings))


def size_of(encoded: str) -> tuple[int, int]:
    return Image.open(BytesIO(base64.b64decode(encoded))).size


@pytest.mark.parametrize(
    ("source", "final", "passes"),
    [
        ((100, 100), (100, 100), 1),
        ((100, 100), (400, 400), 1),
        ((100, 100), (401, 400), 2),
        ((300, 200), (5000, 3333), 3),
        ((128, 128), (8192, 8192), 3),
        ((100, 64), (8192, 2), 4),
        ((1, 1), (8192, 8192), 5),
    ],
)
def test_as_few_passes_as_the_size_needs_and_at_most_five(source, final, passes):
    steps = plan_steps(source, final)
    assert len(steps) == passes
    before = source
    for step in steps:
        assert max(step[0] / before[0], step[1] / before[1]) <= 4
        before = step
    if passes < 5:
        assert steps[-1] == final


def test_no_pass_gives_more_than_the_result_needs():
    for width, height in plan_steps((300, 200), (5000, 3333)):
        assert width * height <= 5000 * 3333


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "size"), [(1, (31, 20)), (1.5, (47, 30)), (4, (124, 80)), (8, (248, 160))])
def test_the_image_is_as_many_times_larger(tiny_settings, factor, size):
    output = ask(tiny_settings, [text_of(31, 20)], upscale_factor=factor)
    assert size_of(output["image"]) == size
    metadata = output["metadata"]
    assert (metadata["final_width"], metadata["final_height"]) == size
    assert (metadata["source_width"], metadata["source_height"]) == (31, 20)
    assert (metadata["upscale_factor"], metadata["final_resolution"]) == (factor, None)


@pytest.mark.slow
def test_output_has_the_form_of_the_contract(tiny_settings):
    meta = {"meta": {"job_id": "job-1", "duration_ms": 1}}
    one = ask(tiny_settings, [text_of(16, 16)])
    UpscaleOutput.model_validate(one | meta)
    assert "images" not in one
    assert one["metadata"]["id"] == "img_000_00_up"
    assert one["metadata"]["source_id"] == "img_000_00"
    assert (one["metadata"]["upscaler"], one["metadata"]["passes"]) == ("Tiny 4x", 1)
    two = ask(tiny_settings, [text_of(16, 16), text_of(20, 10)], filename="poster.png")
    UpscaleOutput.model_validate(two | meta)
    assert "image" not in two
    assert [(image["id"], image["source_id"]) for image in two["images"]] == [
        ("img_000_00_up", "img_000_00"),
        ("img_000_01_up", "img_000_01"),
    ]
    assert [size_of(image["image"]) for image in two["images"]] == [(64, 64), (80, 40)]
    assert two["metadata"]["filename"] == "poster"


@pytest.mark.slow
def test_target_size_is_exact_and_takes_the_place_of_the_factor(tiny_settings):
    output = ask(tiny_settings, [text_of(30, 20)], final_resolution=[500, 333], upscale_factor=2)
    assert size_of(output["image"]) == (500, 333)
    assert output["metadata"]["passes"] == 3
    assert output["metadata"]["upscale_factor"] is None
    assert output["metadata"]["final_resolution"] == [500, 333]


@pytest.mark.slow
def test_three_passes_reach_print_size(tiny_settings):
    output = ask(tiny_settings, [text_of(300, 200)], final_resolution=[5000, 3333], output_format="jpeg", quality=50)
    assert size_of(output["image"]) == (5000, 3333)
    assert output["metadata"]["passes"] == 3


@pytest.mark.slow
def test_a_target_of_another_shape_is_filled_without_distortion(tiny_settings):
    square = Image.new("RGB", (40, 40), "black")
    square.paste("white", (16, 16, 24, 24))
    buffer = BytesIO()
    square.save(buffer, "PNG")
    text = base64.b64encode(buffer.getvalue()).decode()
    wide = ask(tiny_settings, [text], final_resolution=[160, 80])
    plain = ask(tiny_settings, [text], final_resolution=[160, 160])
    whole = np.asarray(Image.open(BytesIO(base64.b64decode(plain["image"]))), np.int16)
    cut = np.asarray(Image.open(BytesIO(base64.b64decode(wide["image"]))), np.int16)
    assert np.abs(cut - whole[40:120]).max() <= 1


@pytest.mark.slow
def test_a_job_can_be_cancelled_between_two_tiles(tiny_settings):
    seen = []
    context = JobContext("job-1", tiny_settings, seen.append, lambda: any("tile 2" in p["message"] for p in seen))
    with pytest.raises(Cancelled):
        ask(tiny_settings, [text_of(300, 200)], context, tile_size=128)
    assert "tile 2 of" in seen[-1]["message"]


@pytest.mark.slow
def test_progress_counts_the_tiles_of_all_images_and_never_goes_back(tiny_settings):
    seen = []
    ask(tiny_settings, [text_of(200, 140), text_of(16, 16)], JobContext("j", tiny_settings, seen.append), tile_size=128)
    percents = [progress["percent"] for progress in seen]
    assert percents == sorted(percents)
    messages = [progress["message"] for progress in seen]
    assert any("Image 1 of 2, pass 1 of 1, tile 2 of" in message for message in messages)
    assert any("Image 2 of 2" in message for message in messages)
    assert (seen[0]["stage"], seen[-1]["stage"]) == ("loading", "encoding")


@pytest.mark.slow
def test_out_of_memory_is_met_with_smaller_tiles(tiny_settings, monkeypatch):
    tried = []
    whole = memory.enlarge

    def short_of_memory(*arguments, tile, **options):
        tried.append(tile)
        if len(tried) < 3:
            raise MemoryError
        return whole(*arguments, tile=tile, **options)

    monkeypatch.setattr(memory, "enlarge", short_of_memory)
    output = ask(tiny_settings, [text_of(16, 16)], use_tiled_upscale=False)
    assert tried == [None, 512, 256]
    assert output["metadata"]["tile_size"] is None


def test_a_kind_that_the_set_does_not_name_is_told_with_those_it_does(tiny_settings):
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND: Model not found: 'art'. .*photo"):
        ask(tiny_settings, [text_of(16, 16)], upscale_model="art")


def test_missing_weights_are_told_with_the_paths_that_were_tried(tmp_path):
    from studio.settings import Settings

    settings = Settings(model_set="core", device="cpu", volume_root=tmp_path, wait_for_assets_s=0)
    with pytest.raises(StudioFailure, match="ASSET_MISSING") as caught:
        ask(settings, [text_of(16, 16)])
    assert str(tmp_path) in str(caught.value)


def test_a_result_beyond_the_longest_edge_is_refused_before_anything_is_loaded(tiny_settings):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: Image 2 would become 8208 x 8 pixels"):
        ask(tiny_settings, [text_of(16, 16), text_of(1026, 1)], upscale_factor=8)


def test_a_source_with_too_many_pixels_is_refused(tiny_settings):
    buffer = BytesIO()
    Image.new("RGB", (4097, 4097)).save(buffer, "PNG")
    with pytest.raises(StudioFailure, match="INVALID_INPUT: Image 1 has 4097 x 4097 pixels; at most 16.8 million"):
        ask(tiny_settings, [base64.b64encode(buffer.getvalue()).decode()])


def test_a_text_is_no_image(tiny_settings):
    with pytest.raises(StudioFailure, match="UNSUPPORTED_IMAGE: Image 1 is not a supported image"):
        ask(tiny_settings, [base64.b64encode(b"not an image").decode()])
