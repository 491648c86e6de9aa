"""Measure the set: does the judge see what the prompts asked for?

Prints one JSON line per guidance: {"prompts", "steps", "guidance", "object", "ground" (shares right),
"score" (mean of the set's scorer), "secondsPerPicture" (one picture alone, median)}.
With --grid it also paints `grid.png`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER / "judge"), str(FOLDER / "training")]
import judge  # noqa: E402
import pictures  # noqa: E402

BATCH = 20
GRID_PROMPTS = (
    ("cat", "", "yellow"), ("dog", "large", "blue"), ("fox", "", "green"), ("panda", "large", "pink"),
    ("frog", "", "purple"), ("penguin", "large", "orange"), ("owl", "", "gray"),
    ("unicorn", "large", "purple"), ("whale", "", "white"), ("octopus", "large", "yellow"),
    ("apple", "", "white"), ("banana", "large", "blue"), ("strawberry", "", "yellow"),
    ("mushroom", "large", "green"), ("cactus", "", "pink"), ("sunflower", "large", "gray"),
    ("rainbow", "", "black"), ("star", "large", "red"), ("snowman", "", "blue"), ("car", "large", "white"),
    ("rocket", "", "black"), ("house", "large", "green"), ("burger", "", "orange"),
    ("donut", "large", "pink"), ("robot", "", "red"), ("heart", "large", "white"), ("cat", "large", "pink"), ("dog", "", "green"),
)  # fmt: skip


def load(folder: Path) -> StableDiffusionXLPipeline:
    variant = "fp16" if (folder / "unet/diffusion_pytorch_model.fp16.safetensors").exists() else None
    pipeline = StableDiffusionXLPipeline.from_pretrained(
        folder, variant=variant, torch_dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def prompts(count: int) -> list[pictures.Spec]:
    """Every object and every ground equally often, sizes in turn."""
    rng = random.Random(31)
    specs = pictures.all_specs()
    rng.shuffle(specs)
    seen: Counter = Counter()
    chosen = []
    for spec in specs:
        if seen[spec.object] < -(-count // len(pictures.OBJECTS)) and len(chosen) < count:
            seen[spec.object] += 1
            chosen.append(spec)
    return chosen


def generate(pipeline, texts: list[str], shape: tuple[int, int], steps: int, guidance: float, seed: int, rescale: float):
    width, height = shape
    images = []
    for first in range(0, len(texts), BATCH):
        part = texts[first : first + BATCH]
        images += pipeline(
            part,
            width=width,
            height=height,
            num_inference_steps=steps,
            guidance_scale=guidance,
            guidance_rescale=rescale,
            generator=[torch.Generator().manual_seed(seed + first + i) for i in range(len(part))],
        ).images
    return images


def scores_of(images: list[Image.Image]) -> list[float]:
    """The set's own scorer, 1 to 10."""
    from safetensors.torch import load_file
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    folder = FOLDER / "weights/scorer"
    tower = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32).eval()
    processor = CLIPImageProcessor.from_pretrained(folder)
    head = {name: value.float() for name, value in load_file(folder / "head.safetensors").items()}
    scores: list[float] = []
    for first in range(0, len(images), BATCH):
        pixels = [processor(images=i, return_tensors="pt").pixel_values for i in images[first : first + BATCH]]
        with torch.no_grad():
            x = torch.nn.functional.normalize(tower(torch.cat(pixels)).image_embeds, dim=-1)
        for index in range(len(head) // 2):
            x = x @ head[f"layers.{index}.weight"].T + head[f"layers.{index}.bias"]
        scores += x.squeeze(-1).tolist()
    return scores


def seconds_alone(pipeline, steps: int, guidance: float, rescale: float) -> float:
    times = []
    for index in range(5):
        started = time.monotonic()
        generate(pipeline, ["a cat on a yellow background"], (128, 128), steps, guidance, index, rescale)
        times.append(time.monotonic() - started)
    return statistics.median(times)


def measure(pipeline, options, guidance: float) -> dict:
    specs = prompts(options.prompts)
    rng = random.Random(77)
    answers, asked, images = [], [], []
    for index, shape in enumerate(pictures.SHAPES):  # half of them square, a quarter each otherwise
        share = [s for i, s in enumerate(specs) if (0, 0, 1, 2)[i % 4] == index]
        texts = [
            pictures.reworded(s, rng) if options.reworded else pictures.caption(s) for s in share
        ]
        made = generate(pipeline, texts, shape, options.steps, guidance, 1000 * index, options.rescale)
        asked += share
        images += made
        answers += [a for i in range(0, len(made), 50) for a in judge.read_all(made[i : i + 50])]
    right = {k: sum(a[k] == getattr(s, k) for a, s in zip(answers, asked, strict=True)) for k in ("object", "ground")}
    wrong = Counter(
        f"{s.object} read as {a['object']}" for a, s in zip(answers, asked, strict=True) if a["object"] != s.object
    )
    if options.verbose:
        print("wrong objects:", dict(wrong), file=sys.stderr)
        grounds = Counter(f"{s.ground} read as {a['ground']}" for a, s in zip(answers, asked, strict=True) if a["ground"] != s.ground)
        print("wrong grounds:", dict(grounds), file=sys.stderr)
    result = {
        "prompts": len(asked),
        "steps": options.steps,
        "guidance": guidance,
        "rescale": options.rescale,
        "object": round(right["object"] / len(asked), 4),
        "ground": round(right["ground"] / len(asked), 4),
    }
    if (FOLDER / "weights/scorer/scorer.json").exists():
        result["score"] = round(statistics.mean(scores_of(images)), 2)
    result["secondsPerPicture"] = round(seconds_alone(pipeline, options.steps, guidance, options.rescale), 2)
    return result


def paint_grid(pipeline, path: Path, steps: int, guidance: float, rescale: float) -> None:
    """All objects with their prompts underneath; the last row in the landscape shape."""
    columns, gap, label = 7, 8, 26
    cell_w, cell_h = 128 + gap, 128 + gap + label
    wide = (("a cat on a blue background", "a large car on a yellow background",
             "a large unicorn on a green background", "a large whale on a pink background"))  # fmt: skip
    texts = [pictures.caption(pictures.Spec(*p)) for p in GRID_PROMPTS]
    rows = -(-len(texts) // columns)
    sheet = Image.new("RGB", (columns * cell_w + gap, (rows + 1) * cell_h + gap), (252, 252, 252))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(10)
    places = [(gap + i % columns * cell_w, gap + i // columns * cell_h) for i in range(len(texts))]
    places += [(gap + i * (192 + 57), gap + rows * cell_h) for i in range(len(wide))]
    images = generate(pipeline, texts, (128, 128), steps, guidance, 7, rescale)
    images += generate(pipeline, list(wide), (192, 128), steps, guidance, 7, rescale)
    for (x, y), image, text in zip(places, images, [*texts, *wide], strict=True):
        sheet.paste(image, (x, y))
        lines = text.replace(" on ", "\non ") if image.width == 128 else text
        draw.multiline_text((x + 1, y + 130), lines, fill=(60, 60, 60), font=font, spacing=1)
    sheet.quantize(256).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", type=Path, default=FOLDER / "weights/pipeline")
    parser.add_argument("--guidance", type=float, nargs="+", default=[7.0])
    parser.add_argument("--rescale", type=float, default=0.7, help="guidance_rescale of the pipeline, 0 to 1")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--reworded", action="store_true", help="random wordings of the prompts")
    parser.add_argument("--grid", type=Path, help="paint the sheet of examples instead")
    parser.add_argument("--verbose", action="store_true", help="list the errors on stderr")
    options = parser.parse_args()
    pipeline = load(options.pipeline)
    if options.grid:
        paint_grid(pipeline, options.grid, options.steps, options.guidance[0], options.rescale)
        return
    for guidance in options.guidance:
        print(json.dumps(measure(pipeline, options, guidance)), flush=True)


if __name__ == "__main__":
    main()
