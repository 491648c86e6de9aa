"""Reads the body of a job: its size, its form, its limits. Refuses with a sentence."""

import json
import uuid
from urllib.parse import urlsplit

from fastapi import Request

from studio.contract.job import EXECUTION_TIMEOUT_MAX_S, EXECUTION_TIMEOUT_MIN_S, TTL_MAX_S, TTL_MIN_S
from studio.jobs.job import EXECUTION_TIMEOUT_MS, TTL_MS, Job, Policy
from studio.serve.replies import problem


class Refused(Exception):
    """The request is refused with this HTTP status and body."""

    def __init__(self, status: int, title: str, detail: str):
        super().__init__(detail)
        self.status = status
        self.body = problem(status, title, detail)


def bad_request(detail: str) -> Refused:
    return Refused(400, "Bad Request", detail)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes; a longer one is refused without being read to its end."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(int(announced), limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(size, limit)
        parts.append(part)
    return b"".join(parts)


def _too_large(size: int, limit: int) -> Refused:
    detail = f"The request has {size} bytes or more; the limit is {limit}. Send smaller images or links to them."
    return Refused(413, "Payload Too Large", detail)


def read_job(body: bytes, sync: bool) -> Job:
    """A job with a new ID. Raises Refused for what the platform would refuse."""
    try:
        values = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise bad_request("The body is not JSON.") from None
    if not isinstance(values, dict):
        raise bad_request("The body must be an object with 'input'.")
    # The platform drops an empty input and fails the job minutes later.
    if values.get("input") in (None, {}, "", []):
        raise bad_request("'input' is missing or empty; it must hold 'route' and the route's parameters.")
    prefix = "sync-" if sync else ""
    return Job(
        id=f"{prefix}{uuid.uuid4()}-u1",
        input=values["input"],
        webhook=_webhook(values.get("webhook")),
        policy=_policy(values.get("policy")),
        s3_config=values.get("s3Config"),
    )


def _no_constant(word: str):
    # NaN and Infinity are no JSON, and whoever reads the job later would stumble over them.
    raise ValueError(word)


def _webhook(address: object) -> str | None:
    if address in (None, ""):
        return None
    parts = urlsplit(address) if isinstance(address, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_request("'webhook' must be an address that starts with https:// or http://.")
    return address


def _policy(values: object) -> Policy:
    if values is None:
        return Policy()
    if not isinstance(values, dict):
        raise bad_request("'policy' must be an object.")
    if not isinstance(values.get("lowPriority", False), bool):
        raise bad_request("'policy.lowPriority' must be true or false.")
    run = _limit(values, "executionTimeout", EXECUTION_TIMEOUT_MS, EXECUTION_TIMEOUT_MIN_S, EXECUTION_TIMEOUT_MAX_S)
    return Policy(run, _limit(values, "ttl", TTL_MS, TTL_MIN_S, TTL_MAX_S))


def _limit(values: dict, name: str, default: int, low_s: int, high_s: int) -> int:
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low_s * 1000 <= value <= high_s * 1000:
        allowed = f"a whole number of milliseconds from {low_s * 1000} to {high_s * 1000}"
        raise bad_request(f"'policy.{name}' is {json.dumps(value)[:60]}; it must be {allowed}.")
    return value
