"""What tiles leave to see: the largest step beside their borders, against the same picture in one piece."""

import place  # noqa: F401


def seams(model_set: str) -> int | None:
    """Largest difference, in steps of 255, of a tiled pass from an untiled one, beside the borders of tiles."""
    import numpy as np

    from studio.assets import Assets
    from studio.engines import loaded
    from studio.engines.upscale.enlarge import enlarge
    from studio.engines.upscale.tiles import plan_axis
    from studio.settings import Settings

    upscaler = loaded.upscaler(Assets(Settings(model_set=model_set)), None, "auto")
    if upscaler is None:
        return None
    edge, tile = 288, 128
    y, x = np.mgrid[0:edge, 0:edge].astype(np.float32)
    image = (np.stack([x / edge, y / edge, ((x // 24 + y // 24) % 2) * 0.8], axis=2) * 255).astype(np.uint8)
    size = edge * upscaler.scale
    whole = enlarge(upscaler, image, size, size).astype(int)
    difference = np.abs(whole - enlarge(upscaler, image, size, size, tile=tile)).max(axis=2)
    axis = plan_axis(edge, tile)
    borders = {b * upscaler.scale for start in axis.starts for b in (start, start + axis.size) if 0 < b < edge}
    lines = sorted({line + n for line in borders for n in range(-8, 8)})
    return int(max(difference[lines].max(), difference[:, lines].max()))
