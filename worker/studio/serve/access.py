"""Lets only those in who know the token. Only `GET /` is open to everybody."""

import hmac

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.serve.replies import problem

# WebSocket close code for a wrong token.
CLOSE_FORBIDDEN = 4403


class TokenGuard:
    """Stands before the whole application, so that no path can be forgotten."""

    def __init__(self, app: ASGIApp, token: str | None):
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._token is None or scope["type"] == "lifespan" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        given = _bearer(scope)
        if given is not None and _same(given, self._token):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": CLOSE_FORBIDDEN})
        else:
            await _refusal(given)(scope, receive, send)


def _refusal(given: str | None) -> JSONResponse:
    if given is None:
        body = problem(401, "Unauthorized", "no token provided; send the header 'Authorization: Bearer <token>'")
        return JSONResponse(body, 401, {"WWW-Authenticate": "Bearer"})
    return JSONResponse(problem(403, "Forbidden", "the token is not the worker's AUTH_TOKEN"), 403)


def _is_open(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"] == "/" and scope["method"] in ("GET", "HEAD")


def _bearer(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return None


def _same(given: str, token: str) -> bool:
    # Equal time for every wrong token: a faster answer would tell how much of it was right.
    return hmac.compare_digest(given.encode(), token.encode())
