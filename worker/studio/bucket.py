"""Where results go that are too large for a reply: a bucket, named by the environment or by the job. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from studio.contract.job import LINK_EXPIRY_MAX_S, LINK_EXPIRY_MIN_S, LINK_EXPIRY_S
from studio.failures import StudioFailure

DEFAULT_PREFIX = "runpod-studio/"
# What S3 signs with where a server knows no regions; nearly all of them take it.
DEFAULT_REGION = "us-east-1"
SECRET_KEYS = ("accessId", "accessSecret")

# Addresses that begin with the bucket's name, and the part that is the server's own.
_BUCKET_IN_HOST = re.compile(
    r"^(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\."
    r"(?P<server>s3[.-][a-z0-9.-]*amazonaws\.com|s3\.[a-z0-9-]+\.backblazeb2\.com"
    r"|[0-9a-f]{32}\.(?:eu\.)?r2\.cloudflarestorage\.com|[a-z0-9-]+\.digitaloceanspaces\.com)$"
)
_REGION_IN_HOST = re.compile(r"^s3[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d+)\.(?:amazonaws|backblazeb2)\.com$")
_RUNPOD_HOST = re.compile(r"^s3api-(?P<region>[a-z0-9-]+)\.runpod\.io$")


@dataclass(frozen=True)
class Bucket:
    """Endpoint without the bucket's name. `trusted`: the operator named it, so its address is not questioned."""

    endpoint: str
    name: str
    access_id: str = field(repr=False)
    access_secret: str = field(repr=False)
    region: str = DEFAULT_REGION
    prefix: str = DEFAULT_PREFIX
    public_url: str | None = None
    link_expiry_s: int = LINK_EXPIRY_S
    trusted: bool = False


class BucketError(ValueError):
    """A value of the bucket cannot be used. The text names it, without any secret."""


def read_bucket(values: Mapping[str, object], trusted: bool = False) -> Bucket:
    """A bucket from the keys of `s3Config`; keys that it does not know are ignored. Raises BucketError.

    Besides the platform's four: `region`, `pathPrefix` (or `objectPath`, as the platform's own library calls
    it), `publicBaseUrl`, `linkExpiry` (seconds). Without `bucketName` the name must stand in the endpoint: as
    the first part of its path or of its host.
    """
    endpoint, name = _place(_text(values, "endpointUrl"), _text(values, "bucketName", needed=False))
    host = urlsplit(endpoint).hostname or ""
    prefix = _text(values, "pathPrefix", needed=False) or _text(values, "objectPath", needed=False)
    public = _text(values, "publicBaseUrl", needed=False)
    if public is not None:
        _address(public, "publicBaseUrl")
    return Bucket(
        endpoint=endpoint,
        name=name,
        access_id=_text(values, "accessId"),
        access_secret=_text(values, "accessSecret"),
        region=_region(_text(values, "region", needed=False), host),
        prefix=DEFAULT_PREFIX if prefix is None else _prefix(prefix),
        public_url=public.rstrip("/") if public else None,
        link_expiry_s=_expiry(values.get("linkExpiry")),
        trusted=trusted,
    )


def bucket_of_job(values: object) -> Bucket | None:
    """The bucket that a job brings along in `s3Config`; None without one. Raises INVALID_INPUT."""
    if values in (None, {}):
        return None
    try:
        if not isinstance(values, dict):
            raise BucketError("it must be an object")
        return read_bucket(values)
    except BucketError as error:
        raise StudioFailure("INVALID_INPUT", detail=f"'s3Config' cannot be used: {error}.") from None


def secrets_of(values: object) -> tuple[str, ...]:
    """What must not be shown of an `s3Config`, in whatever form it came."""
    given = values if isinstance(values, dict) else {}
    return tuple(text for key in SECRET_KEYS if isinstance(text := given.get(key), str) and text)


def _text(values: Mapping[str, object], key: str, needed: bool = True) -> str | None:
    value = values.get(key)
    if value in (None, ""):
        if needed:
            raise BucketError(f"'{key}' is missing")
        return None
    if not isinstance(value, str) or not value.strip():
        raise BucketError(f"'{key}' must be text")
    return value.strip()


def _address(text: str, key: str):
    try:
        parts = urlsplit(text)
        port_is_known = parts.port is None or parts.port > 0
    except ValueError:
        raise BucketError(f"'{key}' is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_known:
        raise BucketError(f"'{key}' must be an address that begins with https:// or http://")
    # The text of an address is shown in messages and logs.
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BucketError(f"'{key}' must not hold a user, a password or a query")
    return parts


def _place(address: str, name: str | None) -> tuple[str, str]:
    parts = _address(address, "endpointUrl")
    path = parts.path.strip("/")
    in_host = _BUCKET_IN_HOST.match(parts.hostname)
    if in_host and name in (None, in_host["bucket"]):
        return f"{parts.scheme}://{in_host['server']}", in_host["bucket"]
    if path and name in (None, path):
        return f"{parts.scheme}://{parts.netloc}", path.partition("/")[0]
    if name is None:
        raise BucketError("'bucketName' is missing, and the endpoint does not name a bucket either")
    return f"{parts.scheme}://{parts.netloc}{'/' + path if path else ''}", name


def _region(given: str | None, host: str) -> str:
    if given not in (None, "auto"):
        return given
    found = _REGION_IN_HOST.match(host)
    if found:
        return found["region"]
    # RunPod's volumes are named by their data center, in capitals.
    runpod = _RUNPOD_HOST.match(host)
    return runpod["region"].upper() if runpod else DEFAULT_REGION


def _prefix(text: str) -> str:
    steps = [step for step in text.replace("\\", "/").split("/") if step not in ("", ".")]
    if ".." in steps:
        raise BucketError("'pathPrefix' must not lead upwards")
    return "".join(f"{step}/" for step in steps)


def _expiry(value: object) -> int:
    if value is None:
        return LINK_EXPIRY_S
    if isinstance(value, bool) or not isinstance(value, int) or not LINK_EXPIRY_MIN_S <= value <= LINK_EXPIRY_MAX_S:
        raise BucketError(f"'linkExpiry' must be whole seconds from {LINK_EXPIRY_MIN_S} to {LINK_EXPIRY_MAX_S}")
    return value
