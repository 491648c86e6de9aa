"""Writes a text across an image, so that a preview is not taken for the result."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

OPACITY = 110
# Of the image's width, for the whole text.
WIDTH_SHARE = 0.6


def watermarked(pixels: np.ndarray, text: str) -> np.ndarray:
    """uint8 pixels (height, width, 3) of the same size, with the text half transparent in the middle."""
    image = Image.fromarray(pixels, "RGB").convert("RGBA")
    layer = Image.new("RGBA", image.size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(layer)
    probe = draw.textlength(text, ImageFont.load_default(100))
    size = max(8, min(image.height // 3, int(100 * WIDTH_SHARE * image.width / max(probe, 1))))
    font = ImageFont.load_default(size)
    middle = image.width / 2, image.height / 2
    # The outline keeps it readable on white and on black.
    outline = {"stroke_width": max(1, size // 20), "stroke_fill": (0, 0, 0, OPACITY)}
    draw.text(middle, text, (255, 255, 255, OPACITY), font, anchor="mm", **outline)
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"))
