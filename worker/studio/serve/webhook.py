"""Tells a webhook that its job is final: three attempts, as the platform makes them."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

import httpx

from studio import __version__
from studio.media.addresses import AddressRefused, check_address

log = logging.getLogger(__name__)

# Seconds before each attempt.
PAUSES_S = (0, 5, 15)
TIMEOUT_S = 10


async def deliver(
    address: str,
    body: dict,
    client: httpx.AsyncClient,
    allow_private: bool,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Posts `body` until a 2xx answers. False when all attempts failed; the job stays readable."""
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "user-agent": f"runpod-studio-worker/{__version__}"}
    for attempt, pause in enumerate(PAUSES_S, start=1):
        await sleep(pause)
        try:
            # Again: a name can lead elsewhere by now.
            await asyncio.to_thread(check_address, address, allow_private)
            answer = await client.post(address, content=content, headers=headers, timeout=TIMEOUT_S)
            if answer.is_success:
                return True
            reason = f"HTTP {answer.status_code}"
        except (httpx.HTTPError, AddressRefused) as error:
            reason = type(error).__name__
        # Without the address: its path or query is often the secret.
        log.warning("webhook of job %s: attempt %d of %d failed (%s)", body["id"], attempt, len(PAUSES_S), reason)
    return False
