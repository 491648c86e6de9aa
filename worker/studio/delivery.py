"""How an output leaves the worker: in the reply, as links, as JPEG where that was allowed, or not at all."""

import json
import logging
import math

from pydantic import BaseModel

from studio.bucket import bucket_of_job
from studio.context import JobContext
from studio.failures import StudioFailure
from studio.media.names import file_name
from studio.media.results import as_jpeg, has_images
from studio.media.storage import Storage, link_images

log = logging.getLogger(__name__)

# The platform's SDK takes these two out of the output and acts on them.
RESERVED = ("error", "refresh_worker")
# About a quarter and an eighth of a PNG of the same picture; below that it is seen.
JPEG_QUALITIES = (95, 90)


def storage_for(input: BaseModel, context: JobContext) -> Storage | None:
    """The storage of this job: its own, else the worker's. To be called before anything costs money.

    Raises INVALID_INPUT for a bucket that cannot be used, and where links are asked for without any.
    """
    bucket = bucket_of_job(context.s3_config) or context.settings.bucket
    storage = Storage(bucket, context.settings.allow_private) if bucket else None
    if _wants_links(input):
        if storage is None:
            raise StudioFailure(
                "INVALID_INPUT",
                detail="'output' is 'url', but there is no storage: send 's3Config' with the job, which the node does "
                "with 'Storage' of its job options, or set BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and "
                "BUCKET_SECRET_ACCESS_KEY for the worker.",
            )
        storage.check()
    return storage


def deliver(output: dict, input: BaseModel, context: JobContext, storage: Storage | None) -> tuple[dict, int]:
    """The output as it is sent, and its size in bytes. Raises RESULT_TOO_LARGE, UPLOAD_FAILED, JOB_FAILED.

    Images become links where the job wants them, or where the reply would be too large. Without storage they
    become JPEG where the job allows it; nothing is changed unasked.
    """
    size = measure(output)
    limit_mb = context.settings.max_inline_mb
    limit = limit_mb * 1_000_000
    if storage is not None and has_images(output) and (_wants_links(input) or size > limit):

        def report(done: int, total: int) -> None:
            context.check_cancelled()
            context.progress("storing", 97, f"Storing image {done + 1} of {total}")

        # Job IDs come from outside; one must not lead out of the prefix.
        output = link_images(output, storage, file_name(None, context.job_id), report)
        log.info("job %s: a result of %d bytes went to storage", context.job_id, size)
        size = measure(output)
    if size > limit and getattr(input, "if_too_large", "fail") == "jpeg" and has_images(output):
        output, size = _as_jpeg(output, size, input, context)
    if size > limit:
        size_mb = math.ceil(size / 100_000) / 10
        raise StudioFailure("RESULT_TOO_LARGE", size_mb=size_mb, limit_mb=f"{limit_mb:g}")
    return output, size


def _as_jpeg(output: dict, size: int, input: BaseModel, context: JobContext) -> tuple[dict, int]:
    """The smallest change that fits; else the last one that was tried, with its size."""
    made = output
    for quality in JPEG_QUALITIES:
        if input.output_format == "jpeg" and quality >= input.quality:
            continue

        def report(done: int, total: int, quality: int = quality) -> None:
            context.check_cancelled()
            context.progress("encoding", 96, f"Too large: image {done + 1} of {total} as JPEG, quality {quality}")

        # Each from the image as it was asked for, not from the rung before.
        made = as_jpeg(output, quality, report)
        size = measure(made)
        log.info("job %s: a result that was too large has %d bytes as JPEG %d", context.job_id, size, quality)
        if size <= context.settings.max_inline_mb * 1_000_000:
            break
    return made, size


def measure(output: dict) -> int:
    """The exact size in bytes that the output has on the wire. Raises JOB_FAILED when it cannot go there."""
    reserved = [name for name in RESERVED if name in output]
    if reserved:
        raise StudioFailure("JOB_FAILED", detail=f"the route returned the reserved key '{reserved[0]}'")
    try:
        return len(json.dumps(output, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        # The platform would never hear of the job again: such a value cannot be sent.
        raise StudioFailure("JOB_FAILED", detail=f"the route returned a value that is not JSON ({error})") from None


def _wants_links(input: BaseModel) -> bool:
    return getattr(input, "output", "inline") == "url"
