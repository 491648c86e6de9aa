"""Large sizes on the demo set: time, peak memory, and what tiles leave to see against the same picture in one piece.

    python bench/large.py                    128 -> 512 and 1024x680 -> 4096x2720
    python bench/large.py --largest          also 2048x2048 -> 8192x8192, in tiles only (minutes on a CPU)
    python bench/large.py --save FOLDER      keeps the pictures

Each case runs in a process of its own: peak memory is that of a process, as Linux tells it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import place

# Width, height and tile of the enlarged picture's source; None is the whole picture at once.
PAIRS = [((128, 128), 128), ((1024, 680), 1024), ((1024, 680), 512), ((1024, 680), 256)]
LARGEST = ((2048, 2048), 1024)
# Half of what the blend of two tiles is wide, in pixels of the result.
BESIDE = 8


def draw(width: int, height: int):
    """A picture of the demo model of this size, as the route create makes it."""
    import base64
    from io import BytesIO

    import numpy as np
    from PIL import Image

    from studio.context import JobContext
    from studio.contract.create import CreateInput
    from studio.routes import create
    from studio.settings import Settings

    size = {"width": max(256, width), "height": max(256, height)}
    asked = CreateInput(route="create", prompt=place.PROMPT, seed=7, output_format="png", **size)
    settings = Settings(model_set="demo", max_inline_mb=20)
    image = Image.open(BytesIO(base64.b64decode(create.run(asked, JobContext("bench", settings))["image"])))
    # Of the smallest size the model makes, which the route does not take.
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def one(source: Path, tile: int | None, result: Path) -> dict:
    """Enlarges a file by 4 and tells seconds, peak memory and number of tiles."""
    import numpy as np
    from PIL import Image

    from studio.assets import Assets
    from studio.engines import loaded
    from studio.engines.upscale.enlarge import enlarge
    from studio.settings import Settings

    upscaler = loaded.upscaler(Assets(Settings(model_set="demo")), None, "auto")
    pixels = np.asarray(Image.open(source))
    tiles = []
    idle = _peak_mb()
    begun = time.perf_counter()
    height, width = pixels.shape[:2]
    made = enlarge(upscaler, pixels, 4 * width, 4 * height, tile=tile, on_tile=lambda done, total: tiles.append(total))
    seconds = round(time.perf_counter() - begun, 1)
    facts = {"seconds": seconds, "idle_mb": idle, "peak_mb": _peak_mb(), "tiles": tiles[-1]}
    Image.fromarray(made).save(result, compress_level=1)
    return facts


def _peak_mb() -> int:
    """Largest resident memory so far. Not from getrusage: its figure begins with that of the parent process."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def borders(width: int, height: int, tile: int):
    """Rows and columns of the result beside a border of a tile."""
    from studio.assets import Assets
    from studio.engines.upscale.enlarge import LARGEST_CPU_TILE
    from studio.engines.upscale.tiles import plan_axis
    from studio.settings import Settings

    pad = Assets(Settings(model_set="demo")).upscaler()[0].pre_pad
    lines = []
    for edge in (height, width):
        axis = plan_axis(edge + 2 * pad, min(tile, LARGEST_CPU_TILE))
        marks = {4 * (mark - pad) for start in axis.starts for mark in (start, start + axis.size)}
        near = {mark + n for mark in marks for n in range(-BESIDE, BESIDE)}
        lines.append(sorted(line for line in near if BESIDE < line < 4 * edge - BESIDE))
    return lines


def compare(whole: Path, tiled: Path, rows: list[int], columns: list[int]) -> dict:
    """Largest and mean deviation of two pictures in steps of 255: beside borders of tiles, and everywhere."""
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    difference = np.abs(np.asarray(Image.open(whole)).astype(np.int16) - np.asarray(Image.open(tiled))).max(axis=2)
    beside = max(difference[rows].max(initial=0), difference[:, columns].max(initial=0))
    return {
        "beside_borders": int(beside),
        "everywhere": int(difference.max()),
        "mean": round(float(difference.mean()), 4),
    }


def run_case(source: Path, tile: int | None, result: Path) -> dict:
    """One case in a fresh process."""
    command = [sys.executable, __file__, "--one", str(source), str(tile or 0), str(result)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    """Prints a row for each case and, as the last line, all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", action="store_true", help="also 8192 x 8192 pixels")
    parser.add_argument("--save", type=Path, help="folder for the pictures")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        source, tile, result = options.one
        return print(json.dumps(one(Path(source), int(tile) or None, Path(result))))
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.save or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        wholes: dict = {}
        for size, tile in PAIRS + [LARGEST] * options.largest:
            name = "x".join(map(str, size))
            source = folder / f"{name}.png"
            if not source.exists():
                from PIL import Image

                Image.fromarray(draw(*size)).save(source)
            if size not in wholes and size != LARGEST[0]:
                wholes[size] = folder / f"{name}-whole.png"
                figures.append({"source": name, "tile": None} | run_case(source, None, wholes[size]))
                print(json.dumps(figures[-1]), flush=True)
            tiled = folder / f"{name}-tiles-{tile}.png"
            figures.append({"source": name, "tile": tile} | run_case(source, tile, tiled))
            if size in wholes:
                figures[-1] |= compare(wholes[size], tiled, *borders(*size, tile))
            print(json.dumps(figures[-1]), flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
