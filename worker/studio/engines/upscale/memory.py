"""Enlarging that gives way when memory runs out."""

from collections.abc import Callable

import numpy as np

from studio.engines import loaded
from studio.engines.memory import tile_ladder, within_memory
from studio.engines.upscale.enlarge import enlarge
from studio.engines.upscale.load import Upscaler


def enlarge_within_memory(
    upscaler: Upscaler,
    pixels: np.ndarray,
    width: int,
    height: int,
    tile: int | None,
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """As `enlarge`, with smaller and smaller tiles before OUT_OF_MEMORY is raised."""
    attempts = [
        lambda size=size: enlarge(upscaler, pixels, width, height, tile=size, on_tile=on_tile)
        for size in tile_ladder(tile)
    ]
    return within_memory(attempts, lambda: loaded.cache().drop_others(upscaler))
