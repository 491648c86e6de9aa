"""Webhooks: three attempts with the platform's pauses, to a real server that counts them."""

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from studio.media import addresses
from studio.serve.webhook import deliver
from tests.serve.workers import PodWorker


class Receiver:
    """Answers the listed codes one after another, then 200."""

    def __init__(self):
        self.codes: list[int] = []
        self.bodies: list[dict] = []
        self.arrived = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *values):
                pass

            def do_POST(self):
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(receiver.codes.pop(0) if receiver.codes else 200)
                self.send_header("content-length", "0")
                self.end_headers()
                receiver.arrived.release()

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook?token=t"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def attempt(address: str, allow_private: bool = True) -> tuple[bool, list[float]]:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def run() -> bool:
        return await deliver(address, {"id": "a"}, allow_private, pause)

    return asyncio.run(run()), pauses


def test_a_success_is_sent_once(receiver):
    assert attempt(receiver.url) == (True, [0])
    assert receiver.bodies == [{"id": "a"}]


def test_a_failure_is_repeated_twice_after_5_and_15_seconds(receiver):
    receiver.codes = [500, 302, 404]
    assert attempt(receiver.url) == (False, [0, 5, 15])
    assert len(receiver.bodies) == 3


def test_it_ends_with_the_first_success(receiver):
    receiver.codes = [503]
    assert attempt(receiver.url) == (True, [0, 5])


def test_an_unreachable_receiver_is_not_an_error(receiver):
    receiver.close()
    assert attempt(receiver.url) == (False, [0, 5, 15])


def test_an_inner_address_is_not_called(receiver):
    assert attempt(receiver.url, allow_private=False) == (False, [0, 5, 15])
    assert receiver.bodies == []


def test_a_name_that_changes_between_check_and_connection_is_not_called(monkeypatch, receiver):
    port = int(receiver.url.rsplit(":", 1)[1].partition("/")[0])
    answers = iter(["1.1.1.1", "127.0.0.1"] * 3)

    def changing(host, asked, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    assert attempt(f"http://changing.example:{port}/hook", allow_private=False) == (False, [0, 5, 15])
    assert receiver.bodies == [] and list(answers) == []


@pytest.mark.parametrize(("prompt", "key"), [("a cat", "output"), ("raise x", "error")])
def test_pod_mode_tells_the_webhook_the_whole_job(receiver, prompt, key):
    worker = PodWorker()
    try:
        job_input = {"route": "create", "prompt": prompt}
        job_id = worker.http.post("/run", json={"input": job_input, "webhook": receiver.url}).json()["id"]
        assert receiver.arrived.acquire(timeout=60)
        body = receiver.bodies[0]
        assert set(body) == {"id", "status", "input", "delayTime", "executionTime", "webhook", key}
        assert (body["id"], body["input"], body["webhook"]) == (job_id, job_input, receiver.url)
        assert "token=t" not in worker.process.output
    finally:
        worker.close()
