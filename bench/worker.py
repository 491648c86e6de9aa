"""How fast the worker is, against plain diffusers in the same process with the same settings.

Prints a table and, as its last line, one JSON object. Times are medians of pairs that take turns, so that
a busy machine slows both sides alike; a figure of None could not be measured here.
"""

import argparse
import base64
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

WORKER = Path(__file__).resolve().parents[1] / "worker"
sys.path.insert(0, str(WORKER))

PROMPT = "a large red apple on a blue background"

# Started afresh for each figure: imports alone, and everything up to the first image.
IMPORTS = "import torch, diffusers, transformers; from diffusers import StableDiffusionXLPipeline"
FIRST_IMAGE = """
import sys; sys.path.insert(0, {worker!r})
from studio.context import JobContext
from studio.contract.create import CreateInput
from studio.routes import create
from studio.settings import Settings
asked = CreateInput(route="create", prompt={prompt!r}, steps=20)
create.run(asked, JobContext("bench", Settings(model_set={model_set!r})))
"""


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


def route_against_raw(model_set: str, rounds: int, size: int, steps: int) -> dict:
    """Seconds of a plain call, of the route as it is, and of the route without its speed-up, in turns.

    Raises AssertionError when their pixels differ.
    """
    import numpy as np
    import torch
    from PIL import Image
    from studio.assets import Assets
    from studio.context import JobContext
    from studio.contract.create import CreateInput
    from studio.engines import loaded
    from studio.engines.device import count_parameters, threads_for
    from studio.engines.diffusion.traced import settle, slow_down
    from studio.routes import create
    from studio.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(model_set=str(native_set(Path(folder), model_set)), max_inline_mb=20)
        pipe = plain_pipeline(settings)
        card = Assets(settings).card()
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

        def route() -> bytes:
            values = {
                "width": size,
                "height": size,
                "steps": steps,
                "cfg_scale": 5.0,
                "seed": 1,
                "output_format": "png",
            }
            asked = CreateInput(route="create", prompt=PROMPT, **values)
            return base64.b64decode(create.run(asked, JobContext("bench", settings))["image"])

        unet = loaded.diffusion(Assets(settings), None, "auto").pipe.unet

        def optimised() -> bytes:
            unet.forward = replay
            return route()

        def unoptimised() -> bytes:
            slow_down(unet)
            return route()

        replay = vars(unet).get("forward", unet.forward)
        optimised()
        settle(unet)
        makers = {"raw": raw, "route": unoptimised, "optimised": optimised}
        plain, *others = (np.asarray(Image.open(BytesIO(make()))) for make in makers.values())
        for other in others:
            assert np.array_equal(plain, other), "the route's pixels differ from those of the plain call"
        times = {name: [] for name in makers}
        for number in range(rounds):
            turn = list(makers)[number % 3 :] + list(makers)[: number % 3]
            for name in turn:
                begun = time.perf_counter()
                makers[name]()
                times[name].append(time.perf_counter() - begun)
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name in ("route", "optimised"):
            ratios = [ours / theirs for ours, theirs in zip(times[name], times["raw"], strict=True)]
            medians[f"{name} ratio"] = statistics.median(ratios)
        return medians


def seams(model_set: str) -> int | None:
    """Largest difference, in steps of 255, of a tiled pass from an untiled one, beside the borders of tiles."""
    import numpy as np
    from studio.assets import Assets
    from studio.engines import loaded
    from studio.engines.upscale.enlarge import enlarge
    from studio.engines.upscale.tiles import plan_axis
    from studio.settings import Settings

    upscaler = loaded.upscaler(Assets(Settings(model_set=model_set)), None, "auto")
    if upscaler is None:
        return None
    edge, tile = 288, 128
    y, x = np.mgrid[0:edge, 0:edge].astype(np.float32)
    image = (np.stack([x / edge, y / edge, ((x // 24 + y // 24) % 2) * 0.8], axis=2) * 255).astype(np.uint8)
    size = edge * upscaler.scale
    whole = enlarge(upscaler, image, size, size).astype(int)
    difference = np.abs(whole - enlarge(upscaler, image, size, size, tile=tile)).max(axis=2)
    axis = plan_axis(edge, tile)
    borders = {b * upscaler.scale for start in axis.starts for b in (start, start + axis.size) if 0 < b < edge}
    lines = sorted({line + n for line in borders for n in range(-8, 8)})
    return int(max(difference[lines].max(), difference[:, lines].max()))


def cold_start(model_set: str, rounds: int) -> dict:
    """Seconds from the start of a process to the first image, and to the end of the imports alone."""
    first = FIRST_IMAGE.format(worker=str(WORKER), prompt=PROMPT, model_set=model_set)
    times = {"first image": [], "imports": []}
    for _ in range(rounds):
        for name, code in (("imports", IMPORTS), ("first image", first)):
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


def gpu_name() -> str | None:
    """Name of the GPU, None without one."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def main() -> None:
    """Measures everything and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="demo", help="set of models (demo or core)")
    parser.add_argument("--rounds", type=int, default=9, help="pairs of route and plain call")
    parser.add_argument("--cold-rounds", type=int, default=3, help="fresh processes for the cold start")
    parser.add_argument("--size", type=int, default=256, help="edge of the image in pixels")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    pair = route_against_raw(options.set, options.rounds, options.size, options.steps)
    cold = cold_start(options.set, options.cold_rounds)
    seam = seams(options.set)
    rows = [
        (f"plain diffusers, {options.size} px, {options.steps} steps, PNG", f"{pair['raw']:.3f} s"),
        ("route create without speed-up", f"{pair['route']:.3f} s"),
        ("route create", f"{pair['optimised']:.3f} s"),
        ("route without speed-up / plain (equal pixels)", f"{pair['route ratio']:.3f}"),
        ("route / plain (equal pixels)", f"{pair['optimised ratio']:.3f}"),
        ("largest step beside tile borders", f"{seam} of 255"),
        ("process start to first image", f"{cold['first image']:.1f} s"),
        ("process start to end of imports", f"{cold['imports']:.1f} s"),
    ]
    print(f"Set {options.set}, {platform.machine()}, {gpu_name() or 'no GPU'}, {time.strftime('%Y-%m-%d')}\n")
    for label, value in rows:
        print(f"| {label:<48} | {value:>12} |")
    figures = {
        "routeVsRaw": round(pair["route ratio"], 4),
        "optimisedVsPlain": round(pair["optimised ratio"], 4),
        "upscaleSeamMax": seam,
        "coldStartVsImports": round(cold["first image"] / cold["imports"], 3),
        "gpu": gpu_name(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
