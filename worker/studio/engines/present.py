"""The last look at an image before it is sent: the safety check and the mark of a preview, where settings ask."""

from collections.abc import Callable

import numpy as np

from studio.assets import Assets
from studio.engines import loaded
from studio.media.watermark import watermarked
from studio.settings import Settings

Present = Callable[[np.ndarray], tuple[np.ndarray, dict]]


def presenter(assets: Assets, settings: Settings) -> Present:
    """What each image goes through: uint8 pixels (height, width, 3) to such pixels and keys for its result.

    Ask before anything is drawn: a safety check without its model raises ASSET_MISSING, so that no image
    goes out unchecked.
    """
    model = loaded.safety(assets, settings.device) if settings.safety_check else None

    def present(pixels: np.ndarray) -> tuple[np.ndarray, dict]:
        note = {}
        if model:
            from studio.engines.safety import blurred, unsafe_share

            note["flagged"] = unsafe_share(model, pixels) >= model.card.threshold
            if note["flagged"]:
                pixels = blurred(pixels)
        if settings.watermark:
            pixels = watermarked(pixels, settings.watermark)
        return pixels, note

    return present
