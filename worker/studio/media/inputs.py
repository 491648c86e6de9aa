"""What the links of a job lead to: files that anybody may fetch, or its own bucket's, which its key opens."""

from studio.bucket import bucket_of_job
from studio.context import JobContext
from studio.media.fetch import Fetch, fetch
from studio.media.storage import Storage


def fetcher(context: JobContext) -> Fetch:
    """Fetches for a job: by its worker's settings, ended when the job is cancelled. Raises INVALID_INPUT.

    Raises what `fetch` and `Storage.get` raise when it is called.
    """
    bucket = bucket_of_job(context.s3_config)
    allow_private = context.settings.allow_private
    storage = Storage(bucket, allow_private) if bucket else None

    def get(link: str, most_bytes: int) -> bytes:
        key = storage.key_of(link) if storage else None
        if storage is None or key is None:
            return fetch(link, most_bytes, allow_private, context.check_cancelled)
        return storage.get(key, most_bytes)

    return get
