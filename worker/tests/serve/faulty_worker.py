"""Fault injection: the real worker, whose route create does what its prompt says instead of drawing.

Run like handler.py. Prompts: "steps N" makes N steps with progress, "nan", "bytes", "large N" (N MB),
"picture N" (a PNG of about N MB), "raise TEXT", "memory", "files" (leaves files in its folder),
"reserved", "speak TEXT" (writes it into the log).
"""

import logging
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np  # noqa: E402

import handler  # noqa: E402
from studio import dispatch  # noqa: E402
from studio.media.images import encode_image, to_base64  # noqa: E402

STEP_S = 0.05


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def noise(megabytes: float) -> str:
    edge = round((megabytes * 1_000_000 * 3 / 4 / 3) ** 0.5)
    pixels = np.random.default_rng(1).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    return to_base64(encode_image(pixels, "png"))


class FaultyCreate:
    """Stands where the module of the route stands."""

    @staticmethod
    def run(input, context):
        fault, _, value = input.prompt.partition(" ")
        if fault == "steps":
            for step in range(int(value)):
                context.check_cancelled()
                context.progress("generating", 100 * step / int(value), f"step {step}")
                threading.Event().wait(STEP_S)
        elif fault == "raise":
            raise RuntimeError(value)
        elif fault == "memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        elif fault == "speak":
            logging.getLogger("studio.engines").warning(value)
        elif fault == "files":
            (context.scratch() / "input.png").write_bytes(b"left behind")
        outputs = {
            "nan": {"score": float("nan")},
            "bytes": {"image": b"raw"},
            "large": {"image": "a" * int(float(value or 0) * 1_000_000) if fault == "large" else ""},
            "picture": {"image": noise(float(value)) if fault == "picture" else ""},
            "reserved": {"error": "no"},
        }
        return {"route": "create", **outputs.get(fault, {"image": "aGk=", "prompt": input.prompt})}


def install() -> None:
    real = dispatch._route
    dispatch._route = lambda name: FaultyCreate if name == "create" else real(name)


if __name__ == "__main__":
    install()
    sys.exit(handler.main())
