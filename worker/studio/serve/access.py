"""Lets only those in who know the token. Only `GET /` is open to everybody."""

import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.serve.replies import problem

# WebSocket close code for a wrong token.
CLOSE_FORBIDDEN = 4403
# No page of another site may read, frame or run what comes from here; results are in no cache.
BROWSER_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class TokenGuard:
    """Stands before the whole application, so that no path can be forgotten.

    `on_request(path)` is called for each request that is let in.
    """

    def __init__(self, app: ASGIApp, token: str | None, on_request: Callable[[str], None] = lambda path: None):
        self._app = app
        self._token = token
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            send = _with_browser_headers(send)
        given = _given(scope)
        if self._token is None or _is_open(scope) or (given is not None and _same(given, self._token)):
            self._on_request(scope["path"])
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _close(receive, send)
        else:
            await _refusal(given)(scope, receive, send)


def _with_browser_headers(send: Send) -> Send:
    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in BROWSER_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_more


async def _close(receive: Receive, send: Send) -> None:
    # Opened first: a socket that is refused before that cannot say why.
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": CLOSE_FORBIDDEN, "reason": "the token is missing or wrong"})


def _refusal(given: str | None) -> JSONResponse:
    if given is None:
        body = problem(401, "Unauthorized", "no token provided; send the header 'Authorization: Bearer <token>'")
        return JSONResponse(body, 401, {"WWW-Authenticate": "Bearer"})
    return JSONResponse(problem(403, "Forbidden", "the token is not the worker's AUTH_TOKEN"), 403)


def _is_open(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"] == "/" and scope["method"] in ("GET", "HEAD")


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    if scope["type"] == "websocket":
        # A browser can send no header with a WebSocket.
        return parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]
    return None


def _same(given: str, token: str) -> bool:
    # Equal time for every wrong token: a faster answer would tell how much of it was right.
    return hmac.compare_digest(given.encode(), token.encode())
