"""Tells a webhook that its job is final: three attempts, as the platform makes them."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

import httpcore

from studio import __version__
from studio.media.addresses import AddressRefused, check_address, resolve

log = logging.getLogger(__name__)

# Seconds before each attempt.
PAUSES_S = (0, 5, 15)
TIMEOUT_S = 10


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were checked: a name that is looked up again may lead elsewhere."""

    def __init__(self, allow_private: bool):
        self._allow_private = allow_private
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        failure: Exception | None = None
        for address in await asyncio.to_thread(resolve, host, port, self._allow_private):
            try:
                return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(host)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


_NOT_DELIVERED = (
    AddressRefused,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


async def deliver(
    address: str,
    body: dict,
    allow_private: bool,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Posts `body` until a 2xx answers. False when all attempts failed; the job stays readable."""
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "user-agent": f"runpod-studio-worker/{__version__}"}
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_S)
    for attempt, pause in enumerate(PAUSES_S, start=1):
        await sleep(pause)
        try:
            await asyncio.to_thread(check_address, address, allow_private)
            # A connection for each attempt: between them lie seconds.
            async with httpcore.AsyncConnectionPool(network_backend=_Guarded(allow_private)) as pool:
                extensions = {"timeout": timeout}
                answer = await pool.request("POST", address, headers=headers, content=content, extensions=extensions)
            if 200 <= answer.status < 300:
                return True
            reason = f"HTTP {answer.status}"
        except _NOT_DELIVERED as error:
            reason = type(error).__name__
        # Without the address: its path or query is often the secret.
        log.warning("webhook of job %s: attempt %d of %d failed (%s)", body["id"], attempt, len(PAUSES_S), reason)
    return False
