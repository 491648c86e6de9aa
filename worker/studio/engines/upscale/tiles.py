"""How an image is cut into tiles of one shape, and how they blend. Pure; all figures in input pixels."""

from dataclasses import dataclass

import numpy as np

OVERLAP = 64
# Convolutions see zeros beyond a tile's edge: the outermost pixels are never used.
PAD = 10


@dataclass(frozen=True)
class Axis:
    """Tiles along one axis: `size` pixels each, beginning at `starts`, on an image `length` long."""

    length: int
    size: int
    starts: tuple[int, ...]
    overlap: int


def plan_axis(length: int, tile: int, overlap: int = OVERLAP) -> Axis:
    """As few tiles as cover the length with at least the overlap, spread evenly."""
    if length <= tile:
        return Axis(length, length, (0,), 0)
    overlap = min(overlap, tile // 2)
    count = -(-(length - overlap) // (tile - overlap))
    starts = tuple(round(index * (length - tile) / (count - 1)) for index in range(count))
    return Axis(length, tile, starts, overlap)


def ramp(axis: Axis, index: int, scale: int) -> np.ndarray:
    """Weights of a tile along one axis, in output pixels: 1 inside, falling to 0 towards a neighbour."""
    size, overlap, pad = axis.size * scale, axis.overlap * scale, min(PAD, axis.overlap // 4) * scale
    weights = np.ones(size, np.float32)
    if overlap:
        # Strictly positive, so that every pixel has a weight to be divided by.
        slope = np.clip((np.arange(overlap, dtype=np.float32) - pad + 0.5) / (overlap - 2 * pad), 1e-4, 1)
        if axis.starts[index] > 0:
            weights[:overlap] = slope
        if axis.starts[index] + axis.size < axis.length:
            weights[size - overlap :] = slope[::-1]
    return weights


def total(axis: Axis, scale: int) -> np.ndarray:
    """The sum of all weights along one axis; the blend is divided by it."""
    summed = np.zeros(axis.length * scale, np.float32)
    for index, start in enumerate(axis.starts):
        summed[start * scale : (start + axis.size) * scale] += ramp(axis, index, scale)
    return summed
