"""Images that a job brings along: text to pixels, refused before anything large is decoded."""

import base64
import binascii
import re
import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from studio.context import JobContext
from studio.contract.job import SOURCE_IMAGE_BYTES, SOURCE_IMAGE_PIXELS, SOURCE_IMAGES
from studio.failures import StudioFailure
from studio.media.addresses import AddressRefused
from studio.media.fetch import Fetch, NotReached, TooLarge

# Pillow knows many more, some of them old and seldom looked after.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,20}://", re.IGNORECASE)
_FETCHED = re.compile(r"https?://", re.IGNORECASE)
_WHITE = (255, 255, 255, 255)
# How a camera that was held otherwise is turned back, by EXIF's numbers; from 5 on the image lies on its side.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's decoders raise whatever fits what they found.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError)


@dataclass(frozen=True)
class Source:
    """One image of the input. `id` img_000_00 and on; `index` counts from 1, for messages."""

    id: str
    index: int
    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class SourceLimits:
    """What the images of one job may be: bytes and pixels of each, and how many there are."""

    bytes: int = SOURCE_IMAGE_BYTES
    pixels: int = SOURCE_IMAGE_PIXELS
    images: int = SOURCE_IMAGES


USUAL = SourceLimits()


def limits_of(context: JobContext, pixels: int = SOURCE_IMAGE_PIXELS) -> SourceLimits:
    """The limits that the worker was started with."""
    settings = context.settings
    return SourceLimits(round(settings.max_image_mb * 1e6), pixels, settings.max_images)


def read_sources(texts: list[str], limits: SourceLimits = USUAL, fetch: Fetch | None = None) -> list[Source]:
    """Checks all images by their headers, none is decoded yet.

    `texts`: base64, data URIs, or links that `fetch` follows. Raises TOO_MANY_IMAGES, and IMAGE_TOO_LARGE,
    UNSUPPORTED_IMAGE, NETWORK or INVALID_INPUT, which name the image.
    """
    _check_count(texts, limits)
    return [_read(text, index, limits, fetch) for index, text in enumerate(texts, 1)]


def read_each(
    texts: list[str], limits: SourceLimits = USUAL, fetch: Fetch | None = None
) -> list[Source | StudioFailure]:
    """As `read_sources`, for work that goes on without an image that fails: its failure stands in its place."""
    _check_count(texts, limits)
    return [_source_or_failure(text, index, limits, fetch) for index, text in enumerate(texts, 1)]


def _check_count(texts: list[str], limits: SourceLimits) -> None:
    if len(texts) > limits.images:
        raise StudioFailure("TOO_MANY_IMAGES", count=len(texts), limit=limits.images)


def _source_or_failure(text: str, index: int, limits: SourceLimits, fetch: Fetch | None) -> Source | StudioFailure:
    try:
        return _read(text, index, limits, fetch)
    except StudioFailure as failure:
        return failure


def decode(source: Source) -> np.ndarray:
    """uint8 pixels (height, width, 3), upright; what is transparent becomes white.

    Of a file with several pictures the first. Raises UNSUPPORTED_IMAGE for a broken file.
    """
    try:
        with Image.open(BytesIO(source.data), formats=FORMATS) as image:
            turn = _UPRIGHT.get(_orientation(image))
            image.load()
            return np.asarray(_to_rgb(image if turn is None else image.transpose(turn)))
    except _BROKEN:
        raise StudioFailure("UNSUPPORTED_IMAGE", index=source.index) from None


def _read(text: str, index: int, limits: SourceLimits, fetch: Fetch | None) -> Source:
    most = limits.bytes
    data = _fetched(text, index, most, fetch) if _ADDRESS.match(text) else _bytes(text, index, most)
    width, height = _size(data, index)
    if width * height > limits.pixels:
        detail = f"Image {index} has {width} x {height} pixels; at most {limits.pixels / 1e6:.1f} million are taken."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return Source(f"img_000_{index - 1:02d}", index, data, width, height)


def _fetched(link: str, index: int, most: int, fetch: Fetch | None) -> bytes:
    if fetch is None or not _FETCHED.match(link):
        detail = f"Image {index} is an address that is not fetched. Send a link that begins with https://, or base64."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    try:
        return fetch(link, most)
    except AddressRefused as refused:
        raise StudioFailure("INVALID_INPUT", detail=f"The link of image {index} is not followed: {refused}.") from None
    except TooLarge as large:
        raise _too_large(large.size, index, most) from None
    except NotReached as cause:
        raise StudioFailure("NETWORK", detail=f"Image {index} could not be fetched: {cause}.") from None


def _bytes(text: str, index: int, most: int) -> bytes:
    prefix = _DATA_URI.match(text)
    body = text[prefix.end() :] if prefix else text
    # Each four characters stand for three bytes; line breaks are the only surplus that occurs.
    if len(body) // 4 * 3 > most * 1.05:
        raise _too_large(len(body) // 4 * 3, index, most)
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise StudioFailure("UNSUPPORTED_IMAGE", index=index) from None
    if len(data) > most:
        raise _too_large(len(data), index, most)
    return data


def _too_large(size: int, index: int, most: int) -> StudioFailure:
    # Rounded up: an image of one byte too many must not read as being at the limit.
    size_mb = -(-size // 100_000) / 10
    return StudioFailure("IMAGE_TOO_LARGE", index=index, size_mb=size_mb, limit_mb=f"{most / 1e6:g}")


def _size(data: bytes, index: int) -> tuple[int, int]:
    """Width and height as the image is looked at, from its header."""
    try:
        with warnings.catch_warnings():
            # The caller has a limit of its own, which Pillow's warning would only double.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                return image.size[::-1] if _orientation(image) >= 5 else image.size
    except Image.DecompressionBombError:
        detail = f"Image {index} has too many pixels; at most {SOURCE_IMAGE_PIXELS / 1e6:.1f} million are taken."
        raise StudioFailure("INVALID_INPUT", detail=detail) from None
    except _BROKEN:
        raise StudioFailure("UNSUPPORTED_IMAGE", index=index) from None


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        # Pillow turns these itself, and gives their size as turned.
        return 1
    # Not the method of PNG files: that one decodes the whole image to look behind it.
    orientation = Image.Image.getexif(image).get(0x0112, 1)
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would cut 16 bits off at 255, which makes nearly everything white.
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8), "L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")
    return image.convert("RGB")
