"""The shapes of Forge: input checks in its words, and modes without a route refused as such."""

import asyncio

import httpx
import pytest

from studio.serve.http import PodServer
from studio.settings import Settings

REFUSED = "NOT_AVAILABLE: Mode 'remix' is not available on this worker. Choose a worker whose image"


def ask(method: str, path: str, **body) -> tuple[int, dict]:
    async def send():
        transport = httpx.ASGITransport(PodServer(Settings(model_set="demo")).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
            reply = await client.request(method, path, **body)
            return reply.status_code, reply.json()

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"mode": "paint", "%": ["aGk="]}, "Invalid mode"),
        ({"%": ["aGk="]}, "Invalid mode"),
        ({"mode": ["style"], "%": ["aGk="]}, "Invalid mode"),
        ({"mode": "remix"}, "Source images required"),
        ({"mode": "remix", "%": []}, "Source images required"),
        ({"mode": "remix", "%": [""]}, "Source images required"),
        ({"mode": "inpaint", "%": ["aGk="], "mask": None}, "Mask required for inpaint mode"),
    ],
)
def test_input_is_checked_in_both_shapes(values, fault):
    for path, key, name in (("/forge", "source_images", "detail"), ("/api/forge", "sourceImages", "error")):
        body = {key if word == "%" else word: value for word, value in values.items()}
        assert ask("POST", path, json=body) == (400, {name: fault})


def test_a_mode_without_a_route_is_refused_in_each_shape():
    status, body = ask("POST", "/forge", json={"mode": "remix", "source_images": ["aGk="]})
    assert status == 501 and list(body) == ["detail"] and body["detail"].startswith(REFUSED)
    status, body = ask("POST", "/api/forge", json={"mode": "remix", "sourceImages": ["aGk="]})
    assert status == 500 and body["error"] == "Transmission failed" and body["message"].startswith(REFUSED)


def test_what_is_no_json_and_other_methods():
    assert ask("POST", "/forge", content=b"{") == (400, {"detail": "Invalid mode"})
    assert ask("POST", "/api/forge", content=b"[1]") == (400, {"error": "Invalid mode"})
    assert ask("GET", "/api/forge") == (405, {"error": "Method not allowed"})
