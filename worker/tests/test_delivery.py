"""The ladder of a result: in the reply, to storage, as JPEG where the job allows it, or a failure that says so."""

import base64
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from studio.context import JobContext
from studio.contract.create import CreateInput, CreateOutput
from studio.delivery import deliver
from studio.failures import Cancelled, StudioFailure
from studio.media.images import encode_image, to_base64
from studio.settings import Settings

# Grain compresses badly: this has 9.2 MB as PNG in base64, 4.4 as JPEG 95, 2.8 as JPEG 90.
PIXELS = np.random.default_rng(4).normal(128, 12, (1700, 1700, 3)).clip(0, 255).astype(np.uint8)
META = {"job_id": "job-1", "duration_ms": 1}


class Bucket:
    """Storage that keeps what it is given."""

    def __init__(self):
        self.kept = {}

    def put(self, path, data, mime_type):
        self.kept[path] = (data, mime_type)
        return f"https://bucket.example/{path}"


def result(output_format="png", quality=95, pixels=PIXELS, several=0):
    image = to_base64(encode_image(pixels, output_format, quality))
    images = {"images": [{"id": f"img_000_0{n}", "seed": n, "image": image} for n in range(several)]}
    return {
        "route": "create",
        "metadata": {"seed": 7, "output_format": output_format},
        "meta": META,
    } | (images if several else {"image": image})


def asked(output_format="png", **values):
    return CreateInput(route="create", prompt="x", output_format=output_format, **values)


def send(output, input, storage=None, limit_mb=7.0, **job):
    context = JobContext("job-1", Settings(max_inline_mb=limit_mb), **job)
    sent, size = deliver(output, input, context, storage)
    # What is counted is what goes over the wire.
    assert size == len(json.dumps(sent, ensure_ascii=False).encode()) <= limit_mb * 1_000_000
    return sent


def decoded(text):
    image = Image.open(BytesIO(base64.b64decode(text)))
    return image.format, image.size


def test_what_fits_is_sent_as_it_was_asked_for_whatever_is_allowed():
    small = result(pixels=PIXELS[:64, :64])
    assert send(small, asked(if_too_large="jpeg"), Bucket()) == small


def test_nine_megabytes_without_storage_fail_unless_jpeg_is_allowed():
    with pytest.raises(StudioFailure) as failed:
        send(result(), asked())
    assert str(failed.value).startswith("RESULT_TOO_LARGE: The result is 9.2 MB; the limit is 7 MB. Choose JPEG")
    assert "storage" in str(failed.value)
    sent = send(result(), asked(if_too_large="jpeg"))
    assert decoded(sent["image"]) == ("JPEG", (1700, 1700))
    told = {"output_format": "jpeg", "encoded_as": "jpeg", "encoded_quality": 95, "downgraded": True, "seed": 7}
    assert sent["metadata"] == told


def test_storage_goes_before_another_format():
    bucket = Bucket()
    sent = send(result(), asked(if_too_large="jpeg"), bucket)
    assert sent["image_url"].endswith("/image.png") and "image" not in sent
    assert sent["metadata"] == {"seed": 7, "output_format": "png"}
    [(data, mime_type)] = bucket.kept.values()
    assert mime_type == "image/png" and np.array_equal(np.asarray(Image.open(BytesIO(data))), PIXELS)


def test_the_quality_goes_down_only_as_far_as_it_must():
    at = {quality: len(encode_image(PIXELS, "jpeg", quality)) * 4 / 3e6 for quality in (95, 90)}
    sent = send(result(), asked(if_too_large="jpeg"), limit_mb=(at[95] + at[90]) / 2)
    assert sent["metadata"]["encoded_quality"] == 90
    # As if it had been asked for: nothing is lost twice.
    assert base64.b64decode(sent["image"]) == encode_image(PIXELS, "jpeg", 90)
    with pytest.raises(StudioFailure, match="RESULT_TOO_LARGE"):
        send(result(), asked(if_too_large="jpeg"), limit_mb=at[90] * 0.9)


def test_a_jpeg_is_only_ever_made_smaller():
    lower = result("jpeg", 92)
    limit = len(json.dumps(lower)) / 1e6 - 0.01
    sent = send(lower, asked("jpeg", quality=92, if_too_large="jpeg"), limit_mb=limit)
    assert sent["metadata"]["encoded_quality"] == 90
    with pytest.raises(StudioFailure, match="RESULT_TOO_LARGE"):
        send(result("jpeg", 80), asked("jpeg", quality=80, if_too_large="jpeg"), limit_mb=1)


def test_all_images_of_a_job_change_together():
    sent = send(result(several=2, pixels=PIXELS[:1200, :1200]), asked(if_too_large="jpeg"))
    assert [decoded(image["image"])[0] for image in sent["images"]] == ["JPEG", "JPEG"]
    assert [image["seed"] for image in sent["images"]] == [0, 1]
    assert sent["metadata"]["downgraded"] is True
    told = CreateOutput.model_json_schema()["$defs"]
    assert any("encoded_as" in part.get("properties", {}) for part in told.values())


def test_a_cancelled_job_encodes_nothing_more():
    with pytest.raises(Cancelled):
        send(result(), asked(if_too_large="jpeg"), is_cancelled=lambda: True)
