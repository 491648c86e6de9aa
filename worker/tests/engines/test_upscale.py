"""The enlarger: key layouts, sizes, tiles against the whole image."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from studio.engines.device import pick_device
from studio.engines.upscale.enlarge import enlarge, passes_for
from studio.engines.upscale.load import load_upscaler, network_of
from studio.engines.upscale.tiles import plan_axis, ramp, total
from studio.manifest import UpscalerCard
from tests.tiny_models import build_upscaler

pytestmark = pytest.mark.slow

CARD = UpscalerCard(name="tiny-x4", title="Tiny 4x", path="tiny.pth", license="MIT")


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("upscaler") / "tiny.pth"
    torch.save({"params_ema": build_upscaler(blocks=2, features=16, growth=8).state_dict()}, path)
    return load_upscaler(CARD, path, pick_device("cpu"))


def picture(height, width):
    """Smooth colours with an edge: what a seam would show in."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pixels = np.stack([x / width, y / height, ((x + y) % 50 < 25) * 0.8], axis=2)
    return (pixels * 255).astype(np.uint8)


def esrgan(name):
    name = name.replace("body.", "RRDB_trunk.", 1) if name.startswith("body.") else name
    for new, old in (("conv_body", "trunk_conv"), ("conv_up", "upconv"), ("conv_hr", "HRconv"), (".rdb", ".RDB")):
        name = name.replace(new, old)
    return name


def oldest(name):
    if name.startswith("body."):
        _, block, dense, conv, kind = name.split(".")
        return f"model.1.sub.{block}.{dense.upper()}.{conv}.0.{kind}"
    head, kind = name.split(".")
    places = {"conv_first": "0", "conv_body": "1.sub.2", "conv_up1": "3", "conv_up2": "6", "conv_hr": "8"}
    return f"model.{places.get(head, '10')}.{kind}"


@pytest.mark.parametrize("layout", [lambda name: name, esrgan, oldest])
@pytest.mark.parametrize("wrapper", [None, "params", "params_ema"])
def test_all_key_layouts_give_the_same_network(layout, wrapper):
    network = build_upscaler()
    state = {layout(name): tensor for name, tensor in network.state_dict().items()}
    rebuilt = network_of({wrapper: state} if wrapper else state)
    image = torch.rand(1, 3, 9, 11)
    with torch.inference_mode():
        assert torch.equal(rebuilt(image), network(image))
        assert rebuilt(image).shape == (1, 3, 36, 44)


@pytest.mark.parametrize("blocks", [1, 6])
def test_the_number_of_blocks_is_read_from_the_weights(blocks, tmp_path):
    save_file(build_upscaler(blocks).state_dict(), tmp_path / "net.safetensors")
    loaded = load_upscaler(CARD, tmp_path / "net.safetensors", pick_device("cpu"))
    assert len(loaded.network.body) == blocks


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="no weights of an RRDBNet"):
        network_of({"layer.weight": torch.zeros(1)})


@pytest.mark.parametrize(("scale", "passes"), [(1, 1), (4, 1), (4.01, 2), (16, 2), (17, 3), (100_000, 5)])
def test_there_are_as_many_passes_as_the_factor_needs(scale, passes):
    assert passes_for(scale) == passes


@pytest.mark.parametrize("size", [(100, 60), (333, 500), (128, 128), (777, 1023)])
def test_the_size_is_exactly_the_asked_one(upscaler, size):
    width, height = size
    assert enlarge(upscaler, picture(48, 64), width, height).shape == (height, width, 3)


def test_tiles_equal_the_whole_image_within_one_step_of_brightness(upscaler):
    image = picture(300, 280)
    whole = enlarge(upscaler, image, 1120, 1200).astype(int)
    tiled = enlarge(upscaler, image, 1120, 1200, tile=128).astype(int)
    # This network sees 37 pixels far, the overlap has 64: only rounding may differ.
    assert np.abs(whole - tiled).max() <= 1
    assert whole.std() > 1


def test_half_precision_stays_within_three_steps_of_brightness(upscaler):
    image = picture(80, 90)
    full = replace(
        upscaler, device=replace(upscaler.device, half=torch.float32), network=deepcopy(upscaler.network).float()
    )
    half = replace(
        upscaler, device=replace(upscaler.device, half=torch.bfloat16), network=deepcopy(upscaler.network).bfloat16()
    )
    difference = enlarge(full, image, 360, 320).astype(int) - enlarge(half, image, 360, 320)
    assert 0 < np.abs(difference).max() <= 3
    assert np.abs(difference).mean() < 0.6


def test_an_image_can_go_on_beyond_its_edge_so_that_the_network_does_not_darken_it(upscaler):
    flat = np.full((40, 50, 3), 180, np.uint8)
    padded = replace(upscaler, card=CARD.model_copy(update={"pre_pad": 20}))
    bare, even = enlarge(upscaler, flat, 200, 160), enlarge(padded, flat, 200, 160)
    assert np.ptp(bare[:, :, 0]) > 3
    assert np.ptp(even[:, :, 0]) <= 3
    assert enlarge(padded, flat, 700, 560).shape == (560, 700, 3)


def test_hard_edges_would_be_seen(upscaler):
    image = picture(300, 280)
    whole = enlarge(upscaler, image, 1120, 1200).astype(int)
    unblended = enlarge(upscaler, image, 1120, 1200, tile=128, overlap=2).astype(int)
    assert np.abs(whole - unblended).max() > 1


@pytest.mark.parametrize(("length", "tile"), [(1024, 512), (680, 512), (129, 128), (2048, 128), (1000, 999)])
def test_tiles_cover_everything_with_at_least_the_overlap(length, tile):
    axis = plan_axis(length, tile)
    assert axis.starts[0] == 0
    assert axis.starts[-1] + axis.size == length
    gaps = [b - a for a, b in zip(axis.starts, axis.starts[1:], strict=False)]
    assert max(gaps) <= axis.size - axis.overlap
    assert axis.overlap == 64
    assert total(axis, 4).min() > 0.4


def test_pixels_at_the_inner_edge_of_a_tile_do_not_count():
    weights = ramp(plan_axis(1024, 512), 0, 4)
    assert weights[0] == 1
    assert weights[-40:].max() < 0.001


def test_progress_counts_the_tiles_of_all_passes(upscaler):
    seen = []
    enlarge(upscaler, picture(40, 40), 640, 640, tile=128, on_tile=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, total in seen} == {len(seen)}
    assert len(seen) == 1 + 4
