"""Pixels to image files, the same bytes for the same pixels."""

import base64
from io import BytesIO

import numpy as np
from PIL import Image

MIME_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def encode_image(pixels: np.ndarray, output_format: str, quality: int = 95) -> bytes:
    """`pixels` uint8 (height, width, 3); `output_format` jpeg, png or webp; quality 1 to 100, not for png."""
    options = {
        # Full colour resolution: halving it shows at hard edges, and at 95 costs little.
        "jpeg": {"quality": quality, "subsampling": "4:4:4"},
        # Higher levels take up to twenty times as long for a sixth of the size.
        "png": {"compress_level": 1},
        "webp": {"quality": quality, "method": 2},
    }[output_format]
    buffer = BytesIO()
    Image.fromarray(pixels, "RGB").save(buffer, output_format.upper(), **options)
    return buffer.getvalue()


def to_base64(data: bytes) -> str:
    """Plain base64, without the `data:` prefix."""
    return base64.b64encode(data).decode("ascii")


def resize_cover(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Exactly width x height pixels: scaled so that it covers them, the surplus cut off evenly."""
    pixels = np.ascontiguousarray(pixels)
    have_height, have_width = pixels.shape[:2]
    if (have_width, have_height) == (width, height):
        return pixels
    scale = max(width / have_width, height / have_height)
    cut_width, cut_height = width / scale, height / scale
    left, top = (have_width - cut_width) / 2, (have_height - cut_height) / 2
    box = (left, top, left + cut_width, top + cut_height)
    image = Image.fromarray(pixels, "RGB").resize((width, height), Image.Resampling.LANCZOS, box=box)
    return np.asarray(image)
