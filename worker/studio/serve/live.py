"""Telemetry as it happens: to readers of a stream, over a WebSocket, and pushed to a receiver."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
from fastapi import Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

from studio.pod import Pod
from studio.serve.telemetry import Telemetry

log = logging.getLogger(__name__)

PUSH_TIMEOUT_S = 10
# After a failure a receiver is asked less and less often, up to this.
PUSH_PAUSE_MAX_S = 60


class Live:
    """Serves and pushes one telemetry. `sleep` is replaced in tests."""

    def __init__(self, telemetry: Telemetry, pod: Pod, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep):
        self._telemetry = telemetry
        self._pod = pod
        self._sleep = sleep

    async def metrics(self) -> dict:
        return await asyncio.to_thread(self._telemetry.read)

    async def stream(self, request: Request) -> StreamingResponse:
        """Server-sent events until the reader leaves; one that was cut off by a proxy just connects again."""
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(request), media_type="text/event-stream", headers=headers)

    async def _events(self, request: Request) -> AsyncIterator[str]:
        while not await request.is_disconnected():
            yield f"data: {json.dumps(await self.metrics())}\n\n"
            await self._sleep(self._pod.telemetry_interval_s)

    async def websocket(self, socket: WebSocket) -> None:
        await socket.accept()
        # Waiting for what a reader says is how one hears that it has left.
        left = asyncio.create_task(_until_left(socket))
        try:
            while not left.done():
                await socket.send_json(await self.metrics())
                await asyncio.wait({left}, timeout=self._pod.telemetry_interval_s)
        except (WebSocketDisconnect, RuntimeError):
            # The reader left while something was on its way.
            pass
        finally:
            left.cancel()

    async def push(self, client: httpx.AsyncClient) -> None:
        """Pushes until it is cancelled; nothing where no receiver is named."""
        pushers = []
        if self._pod.push_http_url:
            pushers.append(self._repeat("PUSH_HTTP_URL", lambda: self._post(client)))
        if self._pod.push_ws_url:
            pushers.append(self._repeat("PUSH_WS_URL", self._send))
        await asyncio.gather(*pushers)

    async def _repeat(self, name: str, push: Callable[[], Awaitable[None]]) -> None:
        pause = self._pod.telemetry_interval_s
        while True:
            try:
                await push()
                pause = self._pod.telemetry_interval_s
            except Exception as error:
                if pause == self._pod.telemetry_interval_s:
                    # By its variable: the address is often a secret itself.
                    log.warning("telemetry could not be pushed to %s: %s", name, type(error).__name__)
                pause = min(2 * pause, max(PUSH_PAUSE_MAX_S, self._pod.telemetry_interval_s))
            await self._sleep(pause)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._pod.push_token}"} if self._pod.push_token else {}

    async def _post(self, client: httpx.AsyncClient) -> None:
        body = await self.metrics()
        answer = await client.post(self._pod.push_http_url, json=body, headers=self._headers(), timeout=PUSH_TIMEOUT_S)
        answer.raise_for_status()

    async def _send(self) -> None:
        """Keeps one connection for as long as it holds; returns or raises when it ends."""
        from websockets.asyncio.client import connect

        options = {"additional_headers": self._headers(), "open_timeout": PUSH_TIMEOUT_S}
        async with connect(self._pod.push_ws_url, **options) as socket:
            while True:
                await socket.send(json.dumps(await self.metrics()))
                await self._sleep(self._pod.telemetry_interval_s)


async def _until_left(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
