"""What a GPU does with a UNet, as far as it can be seen without one: which calls are recorded, batched, compiled."""

import threading
from dataclasses import replace

import pytest
import torch

from studio.assets import Assets
from studio.engines import loaded
from studio.engines.diffusion.batches import batches, images_at_once
from studio.engines.diffusion.compiled import artifacts_path, compile_blocks
from studio.engines.diffusion.generate import generate
from studio.engines.diffusion.graph import drop_graphs, graph_calls
from studio.engines.diffusion.guidance import guided_within
from tests.engines.test_diffusion import picture
from tests.tiny_models import build_pipeline

pytestmark = pytest.mark.slow

GB = 10**9


def inputs(batch=2, size=8):
    torch.manual_seed(1)
    added = {"text_embeds": torch.randn(batch, 32), "time_ids": torch.randn(batch, 6)}
    return (torch.randn(batch, 4, size, size), torch.tensor(0.3), torch.randn(batch, 24, 64)), added


def call(unet, batch=2, size=8):
    positional, added = inputs(batch, size)
    with torch.inference_mode():
        return unet(*positional, added_cond_kwargs=added, return_dict=False)[0]


@pytest.fixture
def unet():
    torch.manual_seed(5)
    return build_pipeline().unet.eval()


class Recorder:
    """Stands for the GPU: a recording that counts, and computes by the network itself."""

    def __init__(self):
        self.made, self.replayed = [], 0

    def __call__(self, unet, example):
        self.made.append(tuple(example[0].shape))

        def replay(sample, timestep, states, text_embeds, time_ids):
            self.replayed += 1
            added = {"text_embeds": text_embeds, "time_ids": time_ids}
            return type(unet).forward(unet, sample, timestep, states, added_cond_kwargs=added).sample

        return replay


def test_a_shape_is_recorded_when_it_comes_back(unet):
    expected, recorder = call(unet), Recorder()
    graph_calls(unet, recorder, lambda: True)
    for size in (8, 16, 8, 8):
        answer = call(unet, size=size)
    assert torch.equal(answer, expected)
    assert (recorder.made, recorder.replayed) == ([(2, 4, 8, 8)], 2)
    drop_graphs(unet)
    call(unet)
    assert recorder.replayed == 2


def test_without_room_or_with_a_failure_the_network_itself_works(unet, caplog):
    def broken(unet, example):
        raise RuntimeError("operation not permitted when stream is capturing")

    expected = call(unet)
    for recorder, has_room in ((broken, True), (Recorder(), False)):
        graph_calls(unet, recorder, lambda answer=has_room: answer)
        assert all(torch.equal(call(unet), expected) for _ in range(3))
    assert "not permitted" in caplog.text


def test_compiled_blocks_come_in_while_jobs_go_on(unet):
    expected, ready = call(unet), threading.Event()
    # The library's compiler without its code generator, which takes half a minute.
    compile_blocks(unet, None, done=ready.set, backend="aot_eager")
    assert torch.equal(call(unet), expected)
    assert ready.wait(120)
    assert torch.allclose(call(unet), expected, atol=1e-5)


def test_a_compiler_that_fails_leaves_the_blocks_as_they_are(unet, caplog):
    def broken(graph, example):
        raise RuntimeError("no compiler here")

    expected = call(unet)
    compile_blocks(unet, None, backend=broken)
    call(unet)
    for thread in threading.enumerate():
        if thread.name == "compiling":
            thread.join()
    assert "blocks stay as they are" in caplog.text
    assert torch.equal(call(unet), expected)


def test_compiled_code_is_kept_by_kind_of_gpu(tmp_path):
    name = artifacts_path(tmp_path, "NVIDIA H200").name
    assert name.startswith("blocks-NVIDIA-H200-2.") and name.endswith(".bin")


@pytest.mark.parametrize(
    ("total", "weights", "size", "count"),
    [(None, 7 * GB, 1024, 1), (16 * GB, 7 * GB, 1024, 1), (24 * GB, 7 * GB, 1024, 2), (80 * GB, 7 * GB, 1024, 18)],
)
def test_as_many_images_at_once_as_the_gpu_holds(total, weights, size, count):
    assert images_at_once(total, weights, size, size) == count


def test_batches_are_even():
    assert batches([1, 2, 3, 4, 5], 4) == [[1, 2], [3, 4, 5]]
    assert batches([1, 2, 3, 4], 8) == [[1, 2, 3, 4]]
    assert batches([7], 1) == [[7]]


def test_images_of_a_batch_equal_those_made_alone_but_for_rounding(tiny_settings, monkeypatch):
    # Decoded in full precision: in half, the last bit of a latent can be eight of 255 in a pixel.
    model = loaded.diffusion(Assets(replace(tiny_settings, speed_ups=())), None, "cpu")
    alone = generate(model, picture(), [4, 5, 6])
    monkeypatch.setattr(model, "at_once", lambda width, height: 2)
    steps = []
    together = generate(model, picture(), [4, 5, 6], lambda done, total: steps.append((done, total)))
    assert steps[-1] == (9, 9)
    for one, other in zip(alone, together, strict=True):
        assert abs(one.astype(int) - other).max() <= 2


def test_outside_of_the_interval_only_the_prompt_is_computed(unet):
    seen = []
    unet.conv_in.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    positional, added = inputs()
    with guided_within(unet, [0.25, 0.75], 4, True), torch.inference_mode():
        answers = [unet(*positional, added_cond_kwargs=added, return_dict=False)[0] for _ in range(4)]
    assert seen == [1, 2, 2, 1]
    assert torch.equal(answers[0][0], answers[0][1])
    assert torch.allclose(answers[0][1], answers[1][1], atol=1e-5)
    assert "forward" not in vars(unet)


def test_without_an_interval_or_without_guidance_every_step_is_left_alone(unet):
    for interval, guided in ((None, True), ([0.2, 0.8], False)):
        with guided_within(unet, interval, 4, guided):
            assert "forward" not in vars(unet)
