"""Measure the round trip: a prompt becomes a picture, the picture a caption; does it name what was asked for?

Runs the worker's routes create (256 x 256 px) and caption as jobs would, otherwise with their defaults, and prints
one JSON line: {"pictures", "object", "ground", "size" (shares right), "wrong": [[prompt, caption] ...]}.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER / "training")]
import pictures  # noqa: E402
from evaluate import prompts  # noqa: E402

from studio.context import JobContext  # noqa: E402
from studio.contract.caption import CaptionInput  # noqa: E402
from studio.contract.create import CreateInput  # noqa: E402
from studio.routes import caption, create  # noqa: E402
from studio.settings import Settings  # noqa: E402

PER_JOB = 4  # pictures that one caption job takes
SETTINGS = Settings(model_set="demo", device="cpu")


def pictured(spec: pictures.Spec, number: int, **values) -> str:
    """The picture of a prompt as base64."""
    values = {"width": 256, "height": 256} | values
    asked = CreateInput(route="create", prompt=pictures.caption(spec), seed=number, **values)
    return create.run(asked, JobContext(f"create-{number}", SETTINGS))["image"]


def captioned(images: list[str], seed: int) -> list[str]:
    asked = CaptionInput(route="caption", images=images, model="blip", seed=seed)
    output = caption.run(asked, JobContext(f"caption-{seed}", SETTINGS))
    return [entry["caption"] for entry in output["captions"]]


def round_trip(specs: list[pictures.Spec], **values) -> list[tuple[pictures.Spec, str]]:
    """What was asked for and what was read, picture by picture. `values` go to create."""
    drawn = [pictured(spec, 500 + number, **values) for number, spec in enumerate(specs)]
    told = [text for i in range(0, len(drawn), PER_JOB) for text in captioned(drawn[i : i + PER_JOB], 900 + i)]
    return list(zip(specs, told, strict=True))


def names(spec: pictures.Spec, text: str) -> dict[str, bool]:
    """Which of object, ground and size the caption tells as they were asked for."""
    words = text.split()
    return {
        "object": spec.object in words,
        "ground": spec.ground in words,
        "size": ("large" in words) == (spec.size == "large"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=60)
    options = parser.parse_args()
    rows = round_trip(prompts(options.pictures))
    found = [names(*row) for row in rows]
    shares = {part: round(sum(one[part] for one in found) / len(found), 4) for part in ("object", "ground", "size")}
    wrong = [[pictures.caption(s), t] for (s, t), one in zip(rows, found, strict=True) if not all(one.values())]
    print(json.dumps({"pictures": len(rows)} | shares | {"wrong": wrong}))


if __name__ == "__main__":
    main()
