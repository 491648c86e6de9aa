"""Enlarging that gives way when memory runs out."""

from collections.abc import Callable
from functools import partial

import numpy as np

from studio.engines import loaded
from studio.engines.memory import tile_ladder, within_memory
from studio.engines.upscale.enlarge import enlarge
from studio.engines.upscale.load import Upscaler
from studio.engines.upscale.steps import plan_steps
from studio.media.images import resize_cover


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


def enlarge_in_steps(
    upscaler: Upscaler,
    pixels: np.ndarray,
    width: int,
    height: int,
    tile: int | None,
    on_tile: Callable[[int, int, int, int], None],
) -> np.ndarray:
    """uint8 `pixels` to exactly (height, width, 3), in as few passes as that needs and none larger than that.

    `on_tile(step, steps, done, total)`: `done` tiles of `total` in one of the steps, which count from 0.
    """
    steps = plan_steps((pixels.shape[1], pixels.shape[0]), (width, height), upscaler.scale)
    for number, size in enumerate(steps):
        report = partial(on_tile, number, len(steps))
        # Each step by itself: what was enlarged is not done again when the next one lacks memory.
        pixels = enlarge_within_memory(upscaler, pixels, *size, tile, report)
    return resize_cover(pixels, width, height)
