"""Every path that the server has, asked by a stranger: with no token, with a wrong one, from another site's page."""

import re

import httpx
import pytest
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from studio.serve import access
from studio.serve.http import PodServer
from studio.settings import Settings
from tests.serve.workers import TOKEN, PodWorker

OPEN = {("GET", "/"), ("HEAD", "/")}
APP = PodServer(Settings(model_set="demo", auth_token=TOKEN)).app._app
# The server publishes no such description; made here, it names every path of HTTP.
PATHS = sorted(APP.openapi()["paths"])
SOCKETS = sorted({route.path for route in APP.routes if isinstance(route, WebSocketRoute)})
# HTTP knows more methods than the server has paths for, and there are paths that it has not.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOT_THERE = ["/docs", "/openapi.json", "/redoc", "/v2", "/.env", "/%2e%2e/health", "/HEALTH", "/health/", "/run/"]
WRONG = [
    "Bearer",
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}",
    f"bearer x{TOKEN}",
    "Bearer",
    f"Basic {TOKEN}",
    TOKEN,
    "Bearer \u00e4",
]


@pytest.fixture(scope="module")
def worker():
    started = PodWorker()
    yield started
    started.close()


@pytest.fixture(scope="module")
def stranger(worker):
    with httpx.Client(base_url=str(worker.http.base_url), timeout=30, trust_env=False) as client:
        yield client


def filled(path: str) -> str:
    return re.sub(r"{\w+}", "x", path)


def test_the_scan_knows_every_path():
    job_api = {"/run", "/runsync", "/status/{job_id}", "/cancel/{job_id}", "/retry/{job_id}", "/purge-queue", "/health"}
    others = {"/metrics", "/stream", "/forge", "/api/forge", "/api/caption", "/api/models", "/api/modes/{model}"}
    below = {f"/v2/{{endpoint_id}}{path}" for path in job_api}
    assert set(PATHS) == {"/"} | job_api | below | others and SOCKETS == ["/ws"]


@pytest.mark.parametrize("path", PATHS + NOT_THERE)
def test_without_a_token_everything_but_the_root_is_401_and_with_a_wrong_one_403(stranger, path):
    for method in METHODS:
        if (method, path) in OPEN:
            continue
        reply = stranger.request(method, filled(path))
        assert (method, reply.status_code) == (method, 401)
        assert reply.headers["www-authenticate"] == "Bearer"
        for wrong in WRONG:
            reply = stranger.request(method, filled(path), headers={"authorization": wrong.encode("latin-1")})
            assert (method, wrong, reply.status_code) == (method, wrong, 403)
        # A token in the address would stand in every log on the way.
        assert stranger.request(method, filled(path), params={"token": TOKEN}).status_code == 401
        # It tells nothing but that.
        assert TOKEN not in reply.text and len(reply.text) < 200


def test_the_root_says_its_name_and_no_more(stranger):
    reply = stranger.get("/")
    assert (reply.status_code, reply.json()) == (200, {"ok": True, "service": "runpod-studio-worker"})


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x"])
def test_a_socket_is_closed_with_4403(worker, path, query):
    url = f"{str(worker.http.base_url).replace('http', 'ws', 1).rstrip('/')}{path}{query}"
    with connect(url, proxy=None) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=30)
    assert closed.value.rcvd.code == 4403


@pytest.mark.parametrize("path", PATHS)
def test_no_page_of_another_site_may_read_what_comes_back(worker, stranger, path):
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    for client in (stranger, worker.http):
        for method in ("GET", "OPTIONS"):
            with client.stream(method, filled(path), headers=asked) as reply:
                assert [name for name in reply.headers if name.startswith("access-control-")] == []
                assert reply.headers["x-content-type-options"] == "nosniff"
                assert reply.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared = []

    def compare(given: bytes, token: bytes) -> bool:
        compared.append((given, token))
        return given == token

    monkeypatch.setattr(access.hmac, "compare_digest", compare)
    assert access._same("a", "b") is False and access._same("b", "b") is True
    assert compared == [(b"a", b"b"), (b"b", b"b")]
