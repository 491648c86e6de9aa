"""Route production on real pipelines with tiny random weights."""

import base64
from io import BytesIO

import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.production import ProductionInput, ProductionOutput
from studio.engines.upscale import memory
from studio.failures import Cancelled, StudioFailure
from studio.routes import production

pytestmark = pytest.mark.slow


def ask(settings, context=None, **values):
    values = {"route": "production", "prompt": "a cat", "width": 264, "height": 256, "steps": 1, "seed": 5} | values
    return production.run(ProductionInput(**values), context or JobContext("job-1", settings))


@pytest.mark.parametrize("factor", [1, 1.5, 2, 4, 8])
def test_the_image_is_exactly_as_many_times_larger(tiny_settings, factor):
    output = ask(tiny_settings, upscale_factor=factor)
    size = (round(264 * factor), round(256 * factor))
    assert Image.open(BytesIO(base64.b64decode(output["image"]))).size == size
    assert (output["metadata"]["final_width"], output["metadata"]["final_height"]) == size
    assert (output["metadata"]["base_width"], output["metadata"]["base_height"]) == (264, 256)


@pytest.mark.parametrize(("factor", "sizes"), [(4, [(1056, 1024)]), (5, [(330, 320), (1320, 1280)])])
def test_no_pass_makes_more_than_the_result_needs(tiny_settings, monkeypatch, factor, sizes):
    made = []
    whole = memory.enlarge

    def enlarge(upscaler, pixels, width, height, **options):
        made.append((width, height))
        return whole(upscaler, pixels, width, height, **options)

    monkeypatch.setattr(memory, "enlarge", enlarge)
    output = ask(tiny_settings, upscale_factor=factor)
    assert made == sizes
    assert Image.open(BytesIO(base64.b64decode(output["image"]))).size == sizes[-1]


def test_output_has_the_form_of_the_contract_and_no_score(tiny_settings):
    output = ask(tiny_settings, upscale_factor=2)
    ProductionOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    assert "aesthetic_score" not in output
    assert output["metadata"]["upscaler"] == "Tiny 4x"
    assert output["metadata"]["upscale_factor"] == 2


def test_several_images_come_in_the_order_of_their_seeds(tiny_settings):
    images = ask(tiny_settings, upscale_factor=1, num_images=2)["images"]
    assert [(image["id"], image["seed"]) for image in images] == [("img_000_00", 5), ("img_000_01", 6)]
    assert images[1]["image"] == ask(tiny_settings, upscale_factor=1, seed=6)["image"]


def test_a_job_can_be_cancelled_between_two_tiles(tiny_settings):
    seen = []
    context = JobContext("job-1", tiny_settings, seen.append, lambda: any("tile 2" in p["message"] for p in seen))
    with pytest.raises(Cancelled):
        ask(tiny_settings, context, upscale_factor=4, tile_size=128)
    assert "tile 2 of" in seen[-1]["message"]


def test_out_of_memory_is_met_with_smaller_tiles(tiny_settings, monkeypatch):
    tried = []
    whole = memory.enlarge

    def short_of_memory(*arguments, tile, **options):
        tried.append(tile)
        if len(tried) < 3:
            raise MemoryError
        return whole(*arguments, tile=tile, **options)

    monkeypatch.setattr(memory, "enlarge", short_of_memory)
    output = ask(tiny_settings, use_tiled_upscale=False)
    assert tried == [None, 512, 256]
    assert output["metadata"]["final_width"] == 1056


def test_out_of_memory_to_the_end_is_told_with_its_remedy(tiny_settings, monkeypatch):
    def no_memory(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(memory, "enlarge", no_memory)
    with pytest.raises(StudioFailure, match="OUT_OF_MEMORY: Out of memory. Turn on Tiled Upscale"):
        ask(tiny_settings)
