"""Text to image against plain diffusers, and the choice of size and sampler."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from studio.assets import Assets
from studio.contract.create import CreateInput
from studio.engines import draw as draw_module
from studio.engines import loaded
from studio.engines.diffusion.generate import Picture, generate, image_seeds
from studio.engines.diffusion.load import load_model
from studio.engines.diffusion.schedulers import build_scheduler, resolve_scheduler
from studio.engines.diffusion.sizes import Rendering, plan_rendering
from studio.engines.diffusion.traced import settle
from studio.engines.draw import draw, plan_drawing
from studio.failures import StudioFailure

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tiny_settings):
    return loaded.diffusion(Assets(tiny_settings), None, "cpu")


def picture(**values):
    defaults = {"prompt": "a cat", "negative_prompt": "", "width": 96, "height": 64, "steps": 3, "cfg_scale": 4.0}
    return Picture(**(defaults | {"scheduler": "edm_dpm"} | values))


@pytest.fixture(scope="module")
def plain(tiny_set):
    """The same weights as a user of the library would load them."""
    pipe = StableDiffusionXLPipeline.from_pretrained(tiny_set.parent / "pipeline", variant="fp16", dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("scheduler", ["edm_dpm", "edm_euler"])
@pytest.mark.parametrize("cfg_scale", [0.0, 4.0])
def test_pixels_equal_those_of_a_plain_call_of_the_library(tiny_settings, model, plain, scheduler, cfg_scale):
    asked = picture(scheduler=scheduler, cfg_scale=cfg_scale)
    unchanged = loaded.diffusion(Assets(replace(tiny_settings, speed_ups=())), None, "cpu")
    exact = generate(unchanged, asked, [11])[0]
    first = generate(model, asked, [11])[0]
    settle(model.pipe.unet)
    recorded = generate(model, asked, [11])[0]
    plain.scheduler = build_scheduler(scheduler, plain.scheduler.config)
    image = plain(
        "a cat",
        width=96,
        height=64,
        num_inference_steps=3,
        guidance_scale=cfg_scale,
        generator=torch.Generator().manual_seed(11),
    ).images[0]
    assert np.array_equal(exact, np.asarray(image))
    # One seed, one image: whether the recording was ready in time must not show.
    assert np.array_equal(recorded, first)
    difference = np.abs(first.astype(int) - exact)
    assert difference.max() <= 12 and difference.mean() <= 0.6


def test_a_small_model_is_replayed_from_its_recording(model, monkeypatch):
    generate(model, picture(), [1])
    settle(model.pipe.unet)
    monkeypatch.setattr(type(model.pipe.unet), "forward", lambda *a, **k: pytest.fail("ran from Python"))
    generate(model, picture(), [2])


def test_what_cannot_be_recorded_goes_on_without(model, monkeypatch, caplog):
    def broken(*arguments, **options):
        raise RuntimeError("no recording of this")

    monkeypatch.setattr(torch.jit, "trace", broken)
    size = {"width": 64, "height": 96}
    first = generate(model, picture(**size), [1])[0]
    settle(model.pipe.unet)
    assert "no recording of this" in caplog.text
    assert np.array_equal(first, generate(model, picture(**size), [1])[0])


def test_calls_of_another_kind_reach_the_network_itself(model):
    sample, states = torch.zeros(1, 4, 8, 8), torch.zeros(1, 24, 64)
    added = {"text_embeds": torch.zeros(1, 32), "time_ids": torch.zeros(1, 6)}
    with torch.inference_mode():
        output = model.pipe.unet(sample, 1.0, states, added_cond_kwargs=added)
    assert output.sample.shape == sample.shape


def test_prompt_and_negative_prompt_change_the_pixels(model):
    plain = generate(model, picture(), [1])[0]
    assert not np.array_equal(plain, generate(model, picture(prompt="zebra"), [1])[0])
    assert not np.array_equal(plain, generate(model, picture(negative_prompt="zebra"), [1])[0])


def test_what_a_step_raises_ends_the_run_before_anything_is_decoded(model, monkeypatch):
    monkeypatch.setattr(model.decoder, "decode", lambda *a, **k: pytest.fail("decoded"))
    steps = []

    def stop(done, total):
        steps.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(model, picture(), [1, 2], stop)
    assert steps == [(1, 6)]


def test_out_of_memory_while_enlarging_is_met_with_tiles(tiny_settings, monkeypatch):
    asked = CreateInput(route="create", prompt="a cat", width=512, height=256, steps=1, seed=1)
    plan = plan_drawing(Assets(tiny_settings), asked, "cpu")
    whole, tried = draw_module.enlarge, []

    def short_of_memory(*arguments, tile, **options):
        tried.append(tile)
        if len(tried) < 3:
            raise MemoryError
        return whole(*arguments, tile=tile, **options)

    monkeypatch.setattr(draw_module, "enlarge", short_of_memory)
    assert draw(plan, lambda done, total: None)[0].shape == (256, 512, 3)
    assert tried == [None, 512, 256]


def test_out_of_memory_is_met_by_decoding_in_tiles(tiny_settings, model, monkeypatch):
    asked = CreateInput(route="create", prompt="a cat", width=256, height=256, steps=1, seed=1)
    plan = plan_drawing(Assets(tiny_settings), asked, "cpu")
    decode, tried = model.decoder.decode, []

    def short_of_memory(*arguments, **options):
        tried.append(model.decoder.use_tiling)
        if len(tried) < 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return decode(*arguments, **options)

    monkeypatch.setattr(model.decoder, "decode", short_of_memory)
    assert draw(plan, lambda done, total: None)[0].shape == (256, 256, 3)
    assert tried == [False, True]
    assert not model.decoder.use_tiling

    def no_memory(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(model.decoder, "decode", no_memory)
    with pytest.raises(StudioFailure, match="OUT_OF_MEMORY"):
        draw(plan, lambda done, total: None)
    assert ("diffusion", str(model.folder)) in [key[:2] for key in loaded.cache().loaded()]


def test_a_decoder_that_overflows_in_half_precision_works_in_another_one(tiny_set, model, tmp_path):
    folder = tmp_path / "pipeline"
    shutil.copytree(tiny_set.parent / "pipeline", folder)
    config = json.loads((folder / "vae/config.json").read_text())
    (folder / "vae/config.json").write_text(json.dumps(config | {"force_upcast": True}))
    half = load_model(model.card, folder, replace(model.device, dtype=torch.float16))
    assert half.pipe.unet.dtype == torch.float16
    assert half.pipe.vae.dtype == torch.bfloat16
    assert half.decoder is half.pipe.vae
    full = generate(model, picture(), [1])[0].astype(int)
    difference = np.abs(full - generate(half, picture(), [1])[0])
    assert difference.mean() < 3


def test_seeds_count_on_and_wrap_at_32_bits():
    assert image_seeds(2**32 - 1, 3) == [2**32 - 1, 0, 1]


@pytest.mark.parametrize(
    ("asked", "rendered"),
    [
        ((1152, 768), Rendering(96, 64, True)),
        ((512, 512), Rendering(64, 64, True)),
        ((256, 2048), Rendering(64, 96, True)),
        ((64, 64), Rendering(64, 64, False)),
    ],
)
def test_beyond_its_native_size_a_small_model_renders_the_nearest_shape(model, asked, rendered):
    assert plan_rendering(model.card, *asked) == rendered


def test_a_large_model_renders_what_is_asked(model):
    card = model.card.model_copy(update={"enlarge_beyond_native": False})
    assert plan_rendering(card, 2048, 2048) == Rendering(2048, 2048, False)


def test_schedulers_that_do_not_fit_are_refused_in_words(model):
    card = model.card.model_copy(update={"schedulers": ["edm_dpm"]})
    assert resolve_scheduler("auto", card) == "edm_dpm"
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'scheduler' is edm_euler; tiny works with edm_dpm"):
        resolve_scheduler("edm_euler", card)


def test_routes_are_imported_without_the_heavy_libraries():
    heavy = "torch", "diffusers", "transformers"
    code = (
        "import sys, studio.routes.create, studio.routes.production, studio.engines.loaded, studio.assets;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert run.stdout.strip() == "[]"
