"""Puts result files into a bucket and gives links to them; opens what a job put there for it."""

from collections.abc import Callable
from io import BytesIO
from urllib.parse import quote, unquote

import httpcore
from PIL import Image

from studio.bucket import Bucket
from studio.failures import StudioFailure
from studio.media.addresses import AddressRefused, check_address
from studio.media.fetch import Guarded, NotReached, TooLarge
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
        except AddressRefused as refused:
            detail = str(refused)
        except (BotoCoreError, Boto3Error, ValueError) as error:
            # The class alone: the text of some names the request with its signature.
            detail = f"{type(error).__name__} at {bucket.endpoint}"
        raise StudioFailure("UPLOAD_FAILED", detail=detail)

    def key_of(self, link: str) -> str | None:
        """The name of a file that an address without a signature leads to: on a RunPod volume there is no other."""
        base = f"{self._bucket.endpoint}/{self._bucket.name}/"
        return unquote(link[len(base) :]) if link.startswith(base) and "?" not in link else None

    def get(self, key: str, most_bytes: int) -> bytes:
        """A file of the bucket, opened with its key. Raises INVALID_INPUT, TooLarge, NotReached."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        self.check()
        try:
            # One byte more than is taken: the reply is in memory before its size is looked at.
            part = f"bytes=0-{most_bytes}"
            reply = self._connect().get_object(Bucket=self._bucket.name, Key=key, Range=part)
            if reply["ContentLength"] > most_bytes:
                whole = reply.get("ContentRange", "").rpartition("/")[2]
                raise TooLarge(int(whole) if whole.isdigit() else reply["ContentLength"])
            return reply["Body"].read()
        except ClientError as error:
            raise NotReached(f"the bucket answered {error.response.get('Error', {}).get('Code', 'unknown')}") from None
        except (BotoCoreError, Boto3Error, ValueError) as error:
            raise NotReached(f"{type(error).__name__} at {self._bucket.endpoint}") from None

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
            if not bucket.trusted:
                # The event is there to answer a request in the library's place.
                self._client.meta.events.register("before-send.s3", self._send)
        return self._client

    def _send(self, request, **_):
        """Sends a request of boto3 to the addresses that were checked, which boto3 would look up again."""
        from botocore.awsrequest import AWSResponse, HeadersDict
        from botocore.exceptions import EndpointConnectionError

        body = request.body.read() if hasattr(request.body, "read") else request.body
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        timeout = {"connect": CONNECT_S, "read": READ_S, "write": READ_S, "pool": CONNECT_S}
        try:
            with httpcore.ConnectionPool(network_backend=Guarded(self._allow_private)) as pool:
                reply = pool.request(
                    request.method, request.url, headers=headers, content=body, extensions={"timeout": timeout}
                )
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise EndpointConnectionError(endpoint_url=self._bucket.endpoint, error=type(error).__name__) from None
        pairs = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
        return AWSResponse(request.url, reply.status, HeadersDict(pairs), _Raw(reply.content))


class _Raw(BytesIO):
    """The content of a reply as boto3 reads it."""

    def stream(self, amt: int = 2**16, decode_content: bool | None = None):
        while piece := self.read(amt):
            yield piece


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


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
