"""How fast the worker is on a GPU: the full SDXL architecture with random weights, against stock diffusers.

    python bench/gpu.py                 needs a CUDA GPU with 24 GB or more, and 10 GB of disk
    python bench/gpu.py --dry-run-tiny  the same steps with tiny models, on whatever is there

Random weights take the same kernels on the same shapes as trained ones; they are scaled as at
initialisation, because zeros need less power and look faster. Prints a table and a JSON object.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import place
from architecture import build_full_set

PROMPT = "a cat in the snow, golden hour"

COLD = """
import sys, time, json
begun = time.perf_counter()
sys.path.insert(0, {worker!r})
from studio.engines import draw, loaded
from studio.assets import Assets
from studio.contract.create import CreateInput
from studio.settings import Settings
imported = time.perf_counter()
assets = Assets(Settings(model_set={model_set!r}))
loaded.diffusion(assets, None, "auto")
read = time.perf_counter()
asked = CreateInput(route="create", prompt="a cat", width={edge}, height={edge}, steps={steps}, seed=1)
draw.draw(draw.plan_drawing(assets, asked, "auto"), lambda done, total: None)
first = time.perf_counter()
print(json.dumps({{"import": imported - begun, "read": read - imported, "first image": first - read}}))
"""


class Bench:
    """One set of models; every figure is the median of `rounds` calls after `warm` others."""

    def __init__(self, model_set: Path, edge: int, steps: int, rounds: int, warm: int = 3):
        from studio.settings import Settings

        self.settings = Settings(model_set=str(model_set), max_inline_mb=20)
        self.edge, self.steps, self.rounds, self.warm = edge, steps, rounds, warm
        self.figures: dict = {}

    def measure(self, name: str, run) -> None:
        """Adds seconds and peak memory of `run`; a failure is told in their place."""
        import torch

        on_gpu = torch.cuda.is_available()
        try:
            for _ in range(self.warm):
                run()
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            times = []
            for _ in range(self.rounds):
                begun = time.perf_counter()
                run()
                if on_gpu:
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - begun)
            peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
            self.figures[name] = {"seconds": round(statistics.median(times), 4), "peak_gb": peak and round(peak, 2)}
        except Exception as error:
            self.figures[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(f"| {name:<44} | {json.dumps(self.figures[name]):<60} |", flush=True)

    def stock(self):
        """What a user of diffusers would write; returns a maker of n images."""
        import torch
        from diffusers import StableDiffusionXLPipeline

        from studio.assets import Assets
        from studio.engines import loaded

        assets, device = Assets(self.settings), loaded.device()
        pipe = StableDiffusionXLPipeline.from_pretrained(
            assets.pipeline(assets.card()), dtype=device.dtype, variant="fp16", add_watermarker=False
        ).to(device.torch)
        pipe.set_progress_bar_config(disable=True)

        def run(count: int):
            generators = [torch.Generator("cpu").manual_seed(1 + n) for n in range(count)]
            size = {"width": self.edge, "height": self.edge}
            options = {"num_inference_steps": self.steps, "guidance_scale": 5.0}
            return pipe(PROMPT, num_images_per_prompt=count, generator=generators, **size, **options).images

        return run

    def ours(self, speed_ups: tuple[str, ...]):
        """The worker's engine with these ways of working faster; returns a maker of n images."""
        from dataclasses import replace

        from studio.assets import Assets
        from studio.engines import loaded
        from studio.engines.diffusion.generate import Picture, generate, image_seeds

        assets = Assets(replace(self.settings, speed_ups=speed_ups))
        model = loaded.diffusion(assets, None, "auto")
        picture = Picture(PROMPT, "", self.edge, self.edge, self.steps, 5.0, "edm_dpm")
        return lambda count: generate(model, picture, image_seeds(1, count))

    def production(self, width: int, height: int, tiled: bool):
        """The whole route, from the prompt to the JPEG in base64."""
        from studio.context import JobContext
        from studio.contract.production import ProductionInput
        from studio.routes import production

        values = {"width": width, "height": height, "steps": self.steps, "seed": 1, "use_tiled_upscale": tiled}
        asked = ProductionInput(route="production", prompt=PROMPT, upscale_factor=4.0, **values)
        return lambda: production.run(asked, JobContext("bench", self.settings))


def settle_compiler() -> None:
    """Waits for blocks that are being compiled beside the jobs."""
    import threading

    for thread in threading.enumerate():
        if thread.name == "compiling":
            thread.join()


def cold_start(bench: Bench) -> dict:
    """Seconds of the parts of a fresh process's first image."""
    code = COLD.format(
        worker=str(place.WORKER), model_set=bench.settings.model_set, edge=bench.edge, steps=min(bench.steps, 150)
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name: round(value, 2) for name, value in json.loads(answer.splitlines()[-1]).items()}


def run(tiny: bool, rounds: int = 5) -> dict:
    """All figures by name. `tiny`: tiny models, to see that every step works."""
    import numpy as np
    import torch

    from studio.settings import SPEED_UPS

    with tempfile.TemporaryDirectory() as folder:
        if tiny:
            from tests.tiny_models import build_set

            bench = Bench(build_set(Path(folder)), 256, 2, 1, warm=1)
        else:
            bench = Bench(build_full_set(Path(folder)), 1024, 30, rounds)
        count = 2 if tiny else 4
        stock, ours = stock_and_ours = bench.stock(), bench.ours(SPEED_UPS)
        for name, maker in zip(("stock diffusers", "ours"), stock_and_ours, strict=True):
            for number in (1, count):
                bench.measure(f"{name}, batch {number}", lambda maker=maker, number=number: maker(number))
        difference = np.abs(np.asarray(stock(1)[0]).astype(int) - ours(1)[0])
        bench.figures["difference from stock, of 255"] = {
            "largest": int(difference.max()),
            "mean": round(float(difference.mean()), 3),
        }
        del stock, stock_and_ours
        if not tiny or torch.cuda.is_available():
            compiled = bench.ours((*SPEED_UPS, "compile"))
            compiled(1)
            settle_compiler()
            bench.measure("ours, compiled, batch 1", lambda: compiled(1))
        sizes = (256, 256) if tiny else (1024, 680)
        for tiled in (True, False):
            name = f"production x4, {'tiles' if tiled else 'whole'}"
            bench.measure(name, bench.production(*sizes, tiled))
        bench.figures["cold start"] = cold_start(bench)
        return bench.figures


def main() -> None:
    """Prints the table and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run-tiny", action="store_true", help="tiny models, with or without a GPU")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    import torch

    if not options.dry_run_tiny and not torch.cuda.is_available():
        sys.exit("No CUDA GPU can be used here. With --dry-run-tiny the steps run with tiny models.")
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    print(f"{name or 'no GPU'}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}\n")
    print(json.dumps({"gpu": {"name": name, "figures": run(options.dry_run_tiny, options.rounds)}}))


if __name__ == "__main__":
    main()
