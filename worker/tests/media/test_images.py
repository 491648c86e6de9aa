"""Image files and their names."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.media.images import encode_image, resize_cover, to_base64
from studio.media.names import file_name

PIXELS = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("output_format", "magic"), [("jpeg", b"\xff\xd8\xff"), ("png", b"\x89PNG"), ("webp", b"RIFF")]
)
def test_formats_are_what_they_say_and_always_the_same(output_format, magic):
    data = encode_image(PIXELS, output_format, 90)
    assert data.startswith(magic)
    assert data == encode_image(PIXELS, output_format, 90)
    image = Image.open(BytesIO(data))
    assert (image.format, image.size, image.mode) == (output_format.upper(), (60, 40), "RGB")


def test_png_keeps_every_pixel():
    assert np.array_equal(np.asarray(Image.open(BytesIO(encode_image(PIXELS, "png")))), PIXELS)


def test_jpeg_keeps_full_colour_resolution():
    image = Image.open(BytesIO(encode_image(PIXELS, "jpeg", 95)))
    assert {layer[1:3] for layer in image.layer} == {(1, 1)}


def test_lower_quality_is_smaller():
    assert len(encode_image(PIXELS, "jpeg", 50)) < len(encode_image(PIXELS, "jpeg", 95))


def test_base64_has_no_prefix():
    assert to_base64(b"\x00\x01\xff") == "AAH/"


@pytest.mark.parametrize("size", [(60, 40), (30, 30), (200, 100), (61, 41)])
def test_resizing_gives_exactly_the_size(size):
    assert resize_cover(PIXELS, *size).shape == (size[1], size[0], 3)


def test_resizing_keeps_the_shape_of_things():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 255
    assert resize_cover(pixels, 40, 40).min() > 200


@pytest.mark.parametrize(
    ("filename", "prompt", "expected"),
    [
        (
            None,
            "a red fox in the snow, golden hour, with a very long tail",
            "a red fox in the snow, golden hour, with a very lo",
        ),
        ("fox", "a cat", "fox"),
        ("fox.PNG", "a cat", "fox"),
        ("  ", "a cat", "a cat"),
        ("../../etc/passwd", "a cat", "_.._etc_passwd"),
        ('a:b*c?"d"', "a cat", "a_b_c_d_"),
        (None, "ein Fähnchen über 山", "ein Fähnchen über 山"),
        (None, "two\nlines\tand tabs", "two lines and tabs"),
        ("con", "a cat", "_con"),
        ("...", "a cat", "image"),
        (None, "///", "image"),
    ],
)
def test_names_are_safe_everywhere(filename, prompt, expected):
    assert file_name(filename, prompt) == expected
