"""The route create, with and without its ways of working faster, against a plain call of diffusers.

All three work in one process and take turns, so that a busy machine slows them alike. Wall time is what a
user waits; the processor's own time is the steadier figure beside other load, and the one that is judged.
"""

import base64
import json
import statistics
import tempfile
import time
from io import BytesIO
from pathlib import Path

from place import PROMPT, WORKER

# Largest and mean step of 255 that a pixel of the faster route may differ from the plain call's.
LARGEST, MEAN = 6, 0.6


def native_set(folder: Path, model_set: str) -> Path:
    """A copy of the set that renders what is asked, without enlarging and without a score.

    A plain call of the library does neither, so only this compares like with like.
    """
    source = WORKER / "sets" / f"{model_set}.json"
    manifest = json.loads(source.read_text(encoding="utf-8"))
    manifest["baked"] = str((source.parent / manifest["baked"]).resolve())
    manifest["scorer"] = None
    for model in manifest["models"]:
        model["enlarge_beyond_native"] = False
    path = folder / "bench.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def plain_pipeline(settings):
    """What a user of diffusers would write."""
    from diffusers import StableDiffusionXLPipeline

    from studio.assets import Assets
    from studio.engines import loaded

    assets = Assets(settings)
    device = loaded.device()
    pipe = StableDiffusionXLPipeline.from_pretrained(
        assets.pipeline(assets.card()), dtype=device.dtype, variant="fp16", add_watermarker=False
    ).to(device.torch)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def against_plain(model_set: str, rounds: int, size: int, steps: int) -> dict:
    """Medians of wall and processor seconds by name (raw, route, optimised), and of the ratios to raw.

    Raises AssertionError when the pixels of the plain route differ at all, or those of the faster one
    by more than LARGEST and MEAN.
    """
    import numpy as np
    import torch
    from PIL import Image

    from studio.assets import Assets
    from studio.context import JobContext
    from studio.contract.create import CreateInput
    from studio.engines import loaded
    from studio.engines.device import count_parameters, threads_for
    from studio.engines.diffusion.traced import settle
    from studio.routes import create
    from studio.settings import Settings

    values = {"width": size, "height": size, "steps": steps, "cfg_scale": 5.0, "seed": 1, "output_format": "png"}
    with tempfile.TemporaryDirectory() as folder:
        fast = Settings(model_set=str(native_set(Path(folder), model_set)), max_inline_mb=20)
        slow = Settings(model_set=fast.model_set, max_inline_mb=20, speed_ups=())
        pipe = plain_pipeline(fast)
        card = Assets(fast).card()
        threads = threads_for(loaded.device(), count_parameters(pipe.unet))

        def raw() -> bytes:
            before = torch.get_num_threads()
            # As many threads as the worker takes: their number is not what is compared here.
            torch.set_num_threads(threads or before)
            image = pipe(
                PROMPT,
                width=size,
                height=size,
                num_inference_steps=steps,
                guidance_scale=5.0,
                guidance_rescale=card.guidance_rescale,
                generator=torch.Generator("cpu").manual_seed(1),
            ).images[0]
            torch.set_num_threads(before)
            buffer = BytesIO()
            image.save(buffer, "PNG", compress_level=1)
            return buffer.getvalue()

        def route(settings: Settings) -> bytes:
            asked = CreateInput(route="create", prompt=PROMPT, **values)
            return base64.b64decode(create.run(asked, JobContext("bench", settings))["image"])

        makers = {"raw": raw, "route": lambda: route(slow), "optimised": lambda: route(fast)}
        plain, same, near = (np.asarray(Image.open(BytesIO(make()))).astype(int) for make in makers.values())
        assert np.array_equal(plain, same), "the route's pixels differ from those of the plain call"
        difference = np.abs(plain - near)
        assert difference.max() <= LARGEST and difference.mean() <= MEAN, "the faster route draws another picture"
        settle(loaded.diffusion(Assets(fast), None, "auto").pipe.unet)
        times = take_turns(makers, rounds)
        return summary(times) | {"largest": int(difference.max()), "mean": float(difference.mean())}


def take_turns(makers: dict, rounds: int) -> dict:
    """(wall, processor) seconds of each call, by name; every round begins with another one."""
    times = {name: [] for name in makers}
    names = list(makers)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu = time.perf_counter(), time.process_time()
            makers[name]()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def summary(times: dict) -> dict:
    """Medians by name, and the medians of the ratios of one round, which load changes least."""
    found = {}
    for kind, clock in ((0, "wall"), (1, "cpu")):
        for name, pairs in times.items():
            found[f"{name} {clock}"] = statistics.median(pair[kind] for pair in pairs)
            ratios = [ours[kind] / theirs[kind] for ours, theirs in zip(pairs, times["raw"], strict=True)]
            found[f"{name} ratio {clock}"] = statistics.median(ratios)
    return found
