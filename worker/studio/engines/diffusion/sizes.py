"""At which size a model renders when another one is asked for. Pure."""

from dataclasses import dataclass
from math import log

from studio.manifest import ModelCard

# FLUX works on squares of so many pixels.
FLUX_STEP = 16


@dataclass(frozen=True)
class Rendering:
    """Size in pixels at which the model works, and whether the image is enlarged afterwards."""

    width: int
    height: int
    enlarge: bool


def plan_rendering(card: ModelCard, width: int, height: int) -> Rendering:
    """The asked size, or the native one nearest in aspect when the model knows nothing beyond it.

    FLUX draws a little more where the size is no multiple of its step; the surplus is cut off.
    """
    if card.type == "flux":
        return Rendering(*(-(-edge // FLUX_STEP) * FLUX_STEP for edge in (width, height)), False)
    largest = max(w * h for w, h in card.native_sizes)
    if not card.enlarge_beyond_native or width * height <= largest:
        return Rendering(width, height, False)
    asked = log(width / height)
    native_width, native_height = min(card.native_sizes, key=lambda size: abs(log(size[0] / size[1]) - asked))
    return Rendering(native_width, native_height, True)
