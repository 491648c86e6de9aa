"""The images of an output: found, and changed in a copy of it."""

import base64
from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image

from studio.media.images import MIME_TYPES, encode_image, to_base64

Report = Callable[[int, int], None]


def has_images(output: dict) -> bool:
    """Whether the output holds images itself."""
    return bool(_places(output))


def change_images(output: dict, change: Callable[[dict, str, bytes, bool], None], report: Report) -> dict:
    """The output after `change(entry, name, data, several)` for each image in `entry["image"]`.

    `entry` is a copy: of an entry of `images`, or of the output for its only image. `report(done, total)` is
    called before each, and may raise.
    """
    places = _places(output)
    made = {**output, "images": [dict(entry) for entry in output["images"]]} if "images" in output else dict(output)
    for done, (index, name) in enumerate(places):
        report(done, len(places))
        entry = made if index is None else made["images"][index]
        change(entry, name, base64.b64decode(entry["image"]), index is not None)
    return made


def as_jpeg(output: dict, quality: int, report: Report) -> dict:
    """The output with all its images as JPEG of this quality, and `metadata` that says so."""

    def encode(entry: dict, name: str, data: bytes, several: bool) -> None:
        with Image.open(BytesIO(data), formats=[name.upper() for name in MIME_TYPES]) as image:
            entry["image"] = to_base64(encode_image(np.asarray(image.convert("RGB")), "jpeg", quality))

    facts = {"output_format": "jpeg", "encoded_as": "jpeg", "encoded_quality": quality, "downgraded": True}
    made = change_images(output, encode, report)
    return made | {"metadata": made.get("metadata", {}) | facts}


def _places(output: dict) -> list[tuple[int | None, str]]:
    images = output.get("images")
    found: list[tuple[int | None, str]] = [(None, "image")] if isinstance(output.get("image"), str) else []
    for index, entry in enumerate(images if isinstance(images, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("image"), str):
            found.append((index, str(entry.get("id", f"img_000_{index:02d}"))))
    return found
