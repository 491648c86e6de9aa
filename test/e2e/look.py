"""Looks at an image file: size, ground colour, whether it is blank, and what the demo set's judge reads.

Prints one JSON object. The judge is a classifier that was trained apart from the model it judges.
"""

import json
import sys
from pathlib import Path

import numpy
from PIL import Image

JUDGE = Path(__file__).resolve().parents[2] / "worker" / "demo_set" / "judge"


def corners(pixels: numpy.ndarray) -> list[int]:
    """Median colour of the four corners, a sixteenth of the width each: there the demo model draws no object."""
    edge = max(2, min(pixels.shape[:2]) // 16)
    parts = [pixels[:edge, :edge], pixels[:edge, -edge:], pixels[-edge:, :edge], pixels[-edge:, -edge:]]
    return numpy.median(numpy.concatenate([part.reshape(-1, 3) for part in parts]), axis=0).astype(int).tolist()


def judged(image: Image.Image) -> dict | None:
    if not (JUDGE / "judge.pt").exists():
        return None
    sys.path.insert(0, str(JUDGE))
    from judge import read

    return read(image)


def main(path: str) -> dict:
    with Image.open(path) as image:
        pixels = numpy.asarray(image.convert("RGB"))
        kind = image.format
        read = judged(image)
    middle = pixels[pixels.shape[0] // 4 : -pixels.shape[0] // 4, pixels.shape[1] // 4 : -pixels.shape[1] // 4]
    ground = corners(pixels)
    return {
        "format": kind,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "ground": ground,
        "judge": read,
        "deviation": float(pixels.std()),
        # How much of the middle is not ground: an object is there.
        "object_share": float((numpy.abs(middle.astype(int) - ground).max(axis=2) > 40).mean()),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
