"""Ends the worker's own Pod when nobody needs it any more, through the platform's management API."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx

from studio.pod import Clocks, Pod, reason_to_end

log = logging.getLogger(__name__)

LOOK_S = 5.0
TIMEOUT_S = 30
# A Pod that could not be ended costs money: it is tried again for as long as it runs.
AGAIN_S = 30.0


class Departure:
    """Looks at the clocks from time to time. `leaving` is true from the decision on: take no new job then.

    `on_ended` is called once the platform has agreed.
    """

    def __init__(
        self,
        pod: Pod,
        clocks: Callable[[], Clocks],
        on_ended: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        self.leaving = False
        self._pod = pod
        self._clocks = clocks
        self._on_ended = on_ended
        self._sleep = sleep

    async def watch(self, client: httpx.AsyncClient) -> None:
        """Until the Pod is ended or the task is cancelled."""
        if not self._pod.can_end_itself:
            if self._pod.id and self._pod.idle_action != "none":
                log.warning("this Pod cannot end itself when it is idle: RUNPOD_API_KEY is not set")
            return
        while True:
            await self._sleep(LOOK_S)
            reason = reason_to_end(self._pod, self._clocks())
            if reason is None:
                continue
            self.leaving = True
            log.warning("this Pod asks the platform to %s it: %s", self._pod.idle_action, reason)
            if await self._end(client):
                self._on_ended()
                return
            # Whoever needs the worker meanwhile may have it.
            self.leaving = False
            await self._sleep(AGAIN_S)

    async def _end(self, client: httpx.AsyncClient) -> bool:
        address = f"{self._pod.management_url}/pods/{self._pod.id}/action"
        headers = {"Authorization": f"Bearer {self._pod.api_key}"}
        try:
            body = {"action": self._pod.idle_action}
            answer = await client.post(address, json=body, headers=headers, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            log.error("the platform could not be asked to end this Pod: %s", type(error).__name__)
            return False
        # 404: it is gone, or going, already.
        if answer.is_success or answer.status_code == 404:
            return True
        log.error("the platform did not end this Pod: HTTP %d %s", answer.status_code, answer.text[:200])
        return False
