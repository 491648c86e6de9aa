"""Puts result files into a bucket and gives links to them."""

from collections.abc import Callable
from io import BytesIO
from urllib.parse import quote

from PIL import Image

from studio.bucket import Bucket
from studio.failures import StudioFailure
from studio.media.addresses import AddressRefused, check_address
from studio.media.images import MIME_TYPES
from studio.media.results import change_images

CONNECT_S, READ_S, ATTEMPTS = 10, 60, 3
_EXTENSIONS = {"jpeg": "jpg"}


class Storage:
    """One bucket, for one job. Raises UPLOAD_FAILED with the bucket's own words."""

    def __init__(self, bucket: Bucket, allow_private: bool):
        self._bucket = bucket
        self._allow_private = allow_private
        self._client = None

    def check(self) -> None:
        """Raises INVALID_INPUT when the job's bucket stands where the worker must not go."""
        if self._bucket.trusted:
            return
        try:
            check_address(self._bucket.endpoint, self._allow_private)
        except AddressRefused as refused:
            detail = f"'s3Config' cannot be used: 'endpointUrl': {refused}."
            raise StudioFailure("INVALID_INPUT", detail=detail) from None

    def put(self, path: str, data: bytes, mime_type: str) -> str:
        """Stores a file below the bucket's prefix and returns a link to it: public, or one that expires."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        self.check()
        bucket, key = self._bucket, self._bucket.prefix + path
        try:
            client = self._connect()
            client.put_object(Bucket=bucket.name, Key=key, Body=data, ContentType=mime_type)
            if bucket.public_url:
                return f"{bucket.public_url}/{quote(key)}"
            place = {"Bucket": bucket.name, "Key": key}
            return client.generate_presigned_url("get_object", Params=place, ExpiresIn=bucket.link_expiry_s)
        except ClientError as error:
            answer = error.response.get("Error", {})
            detail = f"{answer.get('Code', 'unknown')}: {answer.get('Message', 'no reason given')}"
        except (BotoCoreError, Boto3Error, ValueError) as error:
            # The class alone: the text of some names the request with its signature.
            detail = f"{type(error).__name__} at {bucket.endpoint}"
        raise StudioFailure("UPLOAD_FAILED", detail=detail)

    def _connect(self):
        if self._client is None:
            # Here, because most jobs need no bucket and the import takes about a second.
            import boto3
            from botocore.config import Config

            bucket = self._bucket
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=bucket.endpoint,
                aws_access_key_id=bucket.access_id,
                aws_secret_access_key=bucket.access_secret,
                region_name=bucket.region,
                config=Config(
                    signature_version="s3v4",
                    connect_timeout=CONNECT_S,
                    read_timeout=READ_S,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    s3={"addressing_style": "path"},
                    # Newer checksums are unknown to most servers that are not Amazon's.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        return self._client


def link_images(output: dict, storage: Storage, folder: str, report: Callable[[int, int], None]) -> dict:
    """The output with links in the place of its images: `image_url` for `image`, `url` in `images`.

    `report(done, total)` is called before each upload, and may raise.
    """

    def link(entry: dict, name: str, data: bytes, several: bool) -> None:
        mime_type, extension = _kind(data)
        del entry["image"]
        entry["url" if several else "image_url"] = storage.put(f"{folder}/{name}.{extension}", data, mime_type)

    return change_images(output, link, report)


def _kind(data: bytes) -> tuple[str, str]:
    # By the bytes: the worker encoded them itself, so their header can be trusted.
    with Image.open(BytesIO(data), formats=[name.upper() for name in MIME_TYPES]) as image:
        name = str(image.format).lower()
    return MIME_TYPES[name], _EXTENSIONS.get(name, name)
