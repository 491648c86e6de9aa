"""Enlarges an image to an exact size: passes of the network, then a resize."""

from collections.abc import Callable

import numpy as np
import torch

from studio.engines.upscale.load import Upscaler
from studio.engines.upscale.tiles import OVERLAP, plan_axis, ramp, total
from studio.media.images import resize_cover

# Above these many input pixels an untiled pass takes tiles of 512 after all.
LARGEST_UNTILED = 2048 * 2048
UNTILED_TILE = 512
MOST_PASSES = 5
# A core works seconds on a tile of this edge, and only between two tiles can a job be cancelled.
LARGEST_CPU_TILE = 384


def passes_for(scale: float, per_pass: int = 4) -> int:
    """How many passes the factor needs; at least one, so that a factor of 1 still restores detail."""
    passes = 1
    while per_pass**passes < scale and passes < MOST_PASSES:
        passes += 1
    return passes


def enlarge(
    upscaler: Upscaler,
    pixels: np.ndarray,
    width: int,
    height: int,
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
    passes: int | None = None,
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """`pixels` uint8 (h, w, 3) to exactly (height, width, 3).

    `tile`: edge of a tile in input pixels, None for the whole image at once. `on_tile(done, total)`
    counts the tiles of all passes; what it raises ends the work.
    """
    have_height, have_width = pixels.shape[:2]
    if passes is None:
        passes = passes_for(max(width / have_width, height / have_height), upscaler.scale)
    # Convolutions see zeros beyond the image: small networks darken its edge unless it goes on a little.
    pad, scale = upscaler.card.pre_pad, upscaler.scale
    sizes = [(have_height * scale**n + 2 * pad, have_width * scale**n + 2 * pad) for n in range(passes)]
    if tile and not upscaler.device.on_gpu:
        tile = min(tile, LARGEST_CPU_TILE)
    plans = [_plan(size, tile, overlap) for size in sizes]
    count = sum(len(rows.starts) * len(columns.starts) for rows, columns in plans)
    done = 0
    for rows, columns in plans:
        around = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), "symmetric")
        larger = _one_pass(upscaler, around, rows, columns, lambda n, before=done: on_tile(before + n, count))
        pixels = larger[pad * scale : larger.shape[0] - pad * scale, pad * scale : larger.shape[1] - pad * scale]
        done += len(rows.starts) * len(columns.starts)
    return resize_cover(pixels, width, height)


def _plan(size: tuple[int, int], tile: int | None, overlap: int):
    height, width = size
    if tile is None:
        tile = UNTILED_TILE if height * width > LARGEST_UNTILED else max(size)
    return plan_axis(height, tile, overlap), plan_axis(width, tile, overlap)


def _one_pass(upscaler: Upscaler, pixels: np.ndarray, rows, columns, on_tile) -> np.ndarray:
    scale, done = upscaler.scale, 0
    image = _to_tensor(pixels, upscaler)
    if len(rows.starts) == len(columns.starts) == 1:
        whole = _to_pixels(_run(upscaler, image))
        on_tile(1)
        return whole
    blend = np.zeros((rows.length * scale, columns.length * scale, 3), np.float32)
    for y, top in enumerate(rows.starts):
        for x, left in enumerate(columns.starts):
            piece = image[:, :, top : top + rows.size, left : left + columns.size]
            result = _run(upscaler, piece)[0].permute(1, 2, 0).float().cpu().numpy()
            result *= (ramp(rows, y, scale)[:, None] * ramp(columns, x, scale)[None, :])[:, :, None]
            place = slice(top * scale, (top + rows.size) * scale), slice(left * scale, (left + columns.size) * scale)
            blend[place] += result
            done += 1
            on_tile(done)
    blend /= total(rows, scale)[:, None, None]
    blend /= total(columns, scale)[None, :, None]
    # In place: of the largest picture each copy would take 0.8 GB.
    np.clip(blend, 0, 1, out=blend)
    blend *= 255
    return np.rint(blend, out=blend).astype(np.uint8)


@torch.inference_mode()
def _run(upscaler: Upscaler, piece: torch.Tensor) -> torch.Tensor:
    return upscaler.network(piece.contiguous(memory_format=torch.channels_last))


def _to_tensor(pixels: np.ndarray, upscaler: Upscaler) -> torch.Tensor:
    image = torch.from_numpy(np.array(pixels)).to(upscaler.device.torch)
    return image.permute(2, 0, 1)[None].to(upscaler.device.half) / 255


def _to_pixels(result: torch.Tensor) -> np.ndarray:
    return (result[0].float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
