"""Train the judge on composed pictures: object out of 26 or "nothing", ground out of 10."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

import flaws
import pictures
import torch
import torch.nn.functional as functional
from PIL import Image
from training import Run

sys.path.insert(0, str(Path(__file__).parent.parent / "judge"))
from judge import NOTHING, Judge, prepared, read_all

POOL = 5000
BATCH = 48
PEAK_RATE = 3e-3
OBJECTS = [*pictures.OBJECTS, NOTHING]
GROUNDS = list(pictures.GROUNDS)
NOTHING_SHARE = 0.08


def example(rng: random.Random) -> tuple[torch.Tensor, int, int]:
    """A prepared picture, its object and its ground (-100: not to be judged)."""
    shape = rng.choice(pictures.SHAPES)
    if rng.random() < NOTHING_SHARE:
        picture = rng.choice([flaws.empty, flaws.mush])(rng, shape)[0]
        return prepared(Image.fromarray(picture)), OBJECTS.index(NOTHING), -100
    spec = pictures.random_spec(rng)
    picture = Image.fromarray(pictures.compose(spec, rng, shape, free=rng.random() < 0.7))
    return prepared(picture), OBJECTS.index(spec.object), GROUNDS.index(spec.ground)


def disturbed(batch: torch.Tensor) -> torch.Tensor:
    """Noise, softness and a little shift of the colours, as generated pictures have them."""
    batch = batch + torch.randn_like(batch) * random.uniform(0, 0.12)
    batch = batch + torch.randn(len(batch), 3, 1, 1) * 0.03
    if random.random() < 0.4:
        kernel = random.choice([3, 5])
        batch = functional.avg_pool2d(batch, kernel, 1, kernel // 2, count_include_pad=False)
    return batch.clamp(-1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--journal", type=Path)
    options = parser.parse_args()
    folder = Path(__file__).parent.parent / "judge"

    run = Run(options.minutes, options.journal)
    random.seed(77)
    torch.manual_seed(77)
    drawn, objects, grounds = zip(*(example(random) for _ in range(POOL)), strict=True)
    drawn, objects, grounds = torch.stack(drawn), torch.tensor(objects), torch.tensor(grounds)
    model = Judge(len(OBJECTS), len(GROUNDS))
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, PEAK_RATE, weight_decay=0.02)
    run.resume(run.state() | {"seconds": 0.0})
    while run.progress < 1:
        which = torch.randint(0, POOL, (BATCH,))
        with torch.autocast("cpu", torch.bfloat16):
            found = model(disturbed(drawn[which]))
        loss = functional.cross_entropy(found[0].float(), objects[which], label_smoothing=0.05)
        loss = loss + functional.cross_entropy(found[1].float(), grounds[which])
        run.update(optimizer, parameters, loss, PEAK_RATE, BATCH)
        if run.step % 100 == 0:
            run.say(f"step {run.step}: loss {loss.item():.3f}")
    state = {name: value.half() if value.is_floating_point() else value
             for name, value in model.state_dict().items()}
    torch.save(state, folder / "judge.pt")
    (folder / "names.json").write_text(json.dumps({"objects": OBJECTS, "grounds": GROUNDS}) + "\n")

    rng = random.Random(4242)
    specs = [pictures.random_spec(rng) for _ in range(600)]
    shapes = [rng.choice(pictures.SHAPES) for _ in specs]
    images = [Image.fromarray(pictures.compose(s, rng, f)) for s, f in zip(specs, shapes, strict=True)]
    answers = [a for i in range(0, 600, 50) for a in read_all(images[i : i + 50])]
    right = [sum(a[k] == getattr(s, k) for a, s in zip(answers, specs, strict=True)) for k in ("object", "ground")]
    run.say(f"600 held-out compositions: object {right[0] / 6:.1f} %, ground {right[1] / 6:.1f} %")


if __name__ == "__main__":
    main()
