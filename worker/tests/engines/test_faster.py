"""Which ways of working faster a network gets, and that they only change how it computes."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from studio.engines.device import WORTH_SHARING, pick_device
from studio.engines.diffusion.faster import channels_last, choose, make_faster
from studio.settings import ASKED_SPEED_UPS, SPEED_UPS
from tests.tiny_models import build_pipeline

pytestmark = pytest.mark.slow

ALL = frozenset(SPEED_UPS + ASKED_SPEED_UPS)
CPU = replace(pick_device("cpu"), half=torch.bfloat16)
GPU = replace(CPU, torch=torch.device("cuda"), dtype=torch.float16, half=torch.float16)


@pytest.mark.parametrize(
    ("device", "parameters", "chosen"),
    [
        (CPU, 1000, {"channels_last", "half_decoder", "record"}),
        (CPU, WORTH_SHARING, {"channels_last", "half_decoder"}),
        (replace(CPU, half=torch.float32), 1000, {"channels_last", "record"}),
        (GPU, 1000, {"channels_last", "graph", "batch", "compile"}),
    ],
)
def test_each_device_gets_what_helps_it(device, parameters, chosen):
    assert choose(device, parameters, ALL) == chosen
    assert choose(device, parameters, frozenset()) == frozenset()


def test_the_order_of_pixels_does_not_change_what_is_computed():
    torch.manual_seed(5)
    unet = build_pipeline().unet.eval()
    ordered = deepcopy(unet)
    channels_last(ordered)
    seen = []
    ordered.up_blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    added = {"text_embeds": torch.randn(2, 32), "time_ids": torch.randn(2, 6)}
    inputs = torch.randn(2, 4, 12, 8), torch.tensor(0.3), torch.randn(2, 24, 64)
    with torch.inference_mode():
        expected = unet(*inputs, added_cond_kwargs=added).sample
        found = ordered(*inputs, added_cond_kwargs=added).sample
    assert torch.allclose(expected, found, atol=1e-5)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_only_decoding_is_done_in_half_precision():
    pipe = build_pipeline()
    decoder = make_faster(pipe, CPU, 1000, ALL)
    assert decoder.dtype == torch.bfloat16
    assert pipe.vae.dtype == pipe.unet.dtype == torch.float32
