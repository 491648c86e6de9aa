"""Images of the input: what is refused before it is decoded, and what becomes of the rest."""

import base64
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.failures import StudioFailure
from studio.media.source import FORMATS, SourceLimits, decode, limits_of, read_each, read_sources
from studio.settings import Settings

PIXELS = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def text_of(image: Image.Image, file_format: str = "PNG", **options) -> str:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def picture() -> Image.Image:
    return Image.fromarray(PIXELS)


def pixels_of(text: str) -> np.ndarray:
    return decode(read_sources([text])[0])


def refused(texts: list[str], **options) -> StudioFailure:
    with pytest.raises(StudioFailure) as caught:
        read_sources(texts, **options)
    return caught.value


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing of it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (header, b"IDAT" + zlib.compress(b""), b"IEND")
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_read_by_its_content(file_format):
    source = read_sources([text_of(picture(), file_format)])[0]
    assert (source.width, source.height, source.id, source.index) == (30, 20, "img_000_00", 1)
    assert decode(source).shape == (20, 30, 3)


def test_a_data_uri_and_line_breaks_change_nothing():
    plain = text_of(picture())
    broken = "\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    for text in (plain, broken, f"data:image/png;base64,{plain}", f"data:image/jpeg;base64,{plain}"):
        assert np.array_equal(pixels_of(text), PIXELS)


def test_one_byte_above_the_limit_is_too_large_and_the_limit_is_not():
    png = base64.b64decode(text_of(picture()))
    exact = png + bytes(5_000_000 - len(png))
    assert len(read_sources([base64.b64encode(exact).decode()])) == 1
    failure = refused([text_of(picture()), base64.b64encode(exact + b"x").decode()])
    assert str(failure).startswith("IMAGE_TOO_LARGE: Image 2 is 5.1 MB; the limit is 5 MB")


def test_a_worker_takes_other_limits_where_it_was_started_with_them():
    png = base64.b64decode(text_of(picture()))
    large = base64.b64encode(png + bytes(5_500_000 - len(png))).decode()
    context = JobContext(
        "job-1", Settings.from_environment({"ALLOW_NO_AUTH": "1", "MAX_IMAGE_MB": "6", "MAX_IMAGES": "5"})
    )
    limits = limits_of(context)
    assert len(read_sources([large], limits)) == 1
    assert len(read_sources([text_of(picture())] * 5, limits)) == 5
    assert str(refused([large * 2], limits=limits)).startswith("IMAGE_TOO_LARGE: Image 1 is ")
    for read in (read_sources, read_each):
        with pytest.raises(StudioFailure, match="TOO_MANY_IMAGES: 6 images; the limit is 5"):
            read([text_of(picture())] * 6, limits)
        with pytest.raises(StudioFailure, match="TOO_MANY_IMAGES: 5 images; the limit is 4"):
            read([text_of(picture())] * 5)


def test_what_is_far_too_large_is_not_even_decoded_from_base64():
    assert refused(["!" * 9_000_000]).code == "IMAGE_TOO_LARGE"


@pytest.mark.parametrize(
    "text",
    [
        "not base64 at all",
        base64.b64encode(b"just a text").decode(),
        base64.b64encode(b"%PDF-1.7 and so on").decode(),
        base64.b64encode(b"").decode() + " ",
        "data:image/png;base64,",
    ],
)
def test_other_files_are_named_with_the_types_that_are_taken(text):
    failure = refused([text_of(picture()), text])
    assert failure.code == "UNSUPPORTED_IMAGE"
    assert failure.message == "Image 2 is not a supported image"
    assert "jpg, jpeg, png, gif, bmp, tiff, webp" in failure.remedy


def test_a_format_that_pillow_knows_and_the_contract_does_not_is_refused():
    assert refused([text_of(picture(), "PPM")]).code == "UNSUPPORTED_IMAGE"


def test_a_file_that_breaks_off_is_refused_when_it_is_decoded():
    data = base64.b64decode(text_of(Image.effect_noise((200, 200), 80)))
    source = read_sources([base64.b64encode(data[: len(data) // 2]).decode()])[0]
    with pytest.raises(StudioFailure, match="UNSUPPORTED_IMAGE"):
        decode(source)


@pytest.mark.parametrize("size", [(9000, 9000), (60_000, 60_000)])
def test_too_many_pixels_are_refused_by_the_header(size):
    failure = refused([base64.b64encode(png_header(*size)).decode()])
    assert failure.code == "INVALID_INPUT"
    assert "67.1 million" in failure.message


def test_a_route_can_take_fewer_pixels():
    failure = refused([text_of(picture())], limits=SourceLimits(pixels=599))
    assert "Image 1 has 30 x 20 pixels" in failure.message


@pytest.mark.parametrize("address", ["http://127.0.0.1/a.png", "https://example.com/a.png", "file:///etc/passwd"])
def test_without_a_fetcher_addresses_are_not_followed(address):
    failure = refused([address])
    assert failure.code == "INVALID_INPUT"
    assert "Image 1 is an address that is not fetched. Send a link" in failure.message


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_a_photo_on_its_side_is_turned_upright_and_measured_so(file_format):
    exif = Image.Exif()
    exif[0x0112] = 6
    source = read_sources([text_of(picture(), file_format, exif=exif)])[0]
    assert (source.width, source.height) == (20, 30)
    assert np.array_equal(decode(source), np.rot90(PIXELS, -1))


def test_what_is_transparent_becomes_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (pixels_of(text_of(clear)) == 255).all()
    palette = Image.new("P", (4, 4), 0)
    assert (pixels_of(text_of(palette, "PNG", transparency=0)) == 255).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK"])
def test_other_colour_modes_become_rgb(mode):
    file_format = "TIFF" if mode == "CMYK" else "PNG"
    assert pixels_of(text_of(picture().convert(mode), file_format)).shape == (20, 30, 3)


def test_sixteen_bits_keep_their_greys():
    greys = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    pixels = pixels_of(text_of(Image.fromarray(greys)))
    assert np.array_equal(pixels[:, :, 0], greys >> 8)


def test_the_first_picture_of_an_animation_is_taken():
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    text = text_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels_of(text)[0, 0].tolist() == [255, 0, 0]


def test_images_are_named_in_their_order():
    assert [source.id for source in read_sources([text_of(picture())] * 3)] == [
        "img_000_00",
        "img_000_01",
        "img_000_02",
    ]
