"""Telemetry of a real worker: read, streamed, over a WebSocket, pushed; and what is open without a token."""

import asyncio
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import jsonschema
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import serve

from studio.serve import telemetry
from tests.serve.workers import TOKEN, PodWorker

SCHEMA = json.loads((Path(__file__).parent / "telemetry.schema.json").read_text())
PUSH_TOKEN = "planted-push-token"


class Receivers:
    """Fault injection at the process border: takes pushes by HTTP and by WebSocket, refuses the first by HTTP."""

    def __init__(self):
        self.pushed: queue.Queue = queue.Queue()
        self.sent: queue.Queue = queue.Queue()
        receivers, refused = self, []

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *values):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if refused:
                    receivers.pushed.put((self.headers["authorization"], json.loads(body)))
                self.send_response(200 if refused else 503)
                refused.append(True)
                self.end_headers()

        def take(socket):
            for message in socket:
                receivers.sent.put((socket.request.headers["authorization"], json.loads(message)))

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self._ws = serve(take, "127.0.0.1", 0)
        for server in (self._http, self._ws):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.http_url = f"http://127.0.0.1:{self._http.server_address[1]}/push?key=planted-push-key"
        self.ws_url = f"ws://127.0.0.1:{self._ws.socket.getsockname()[1]}/"

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._ws.shutdown()


@pytest.fixture(scope="module")
def receivers():
    made = Receivers()
    yield made
    made.close()


@pytest.fixture(scope="module")
def worker(receivers):
    started = PodWorker(
        TELEMETRY_INTERVAL="0.1",
        RUNPOD_POD_ID="pod1",
        RUNPOD_DC_ID="EU-RO-1",
        RUNPOD_GPU_COUNT="1",
        IDLE_ACTION="none",
        PUSH_HTTP_URL=receivers.http_url,
        PUSH_WS_URL=receivers.ws_url,
        PUSH_TOKEN=PUSH_TOKEN,
    )
    yield started
    started.close()


def ws_url(worker: PodWorker) -> str:
    return str(worker.http.base_url).replace("http", "ws", 1).rstrip("/") + "/ws"


def test_metrics_have_the_agreed_form(worker):
    reply = worker.http.get("/metrics")
    body = reply.json()
    jsonschema.validate(body, SCHEMA)
    assert body["runpod"] | {"gpu_count": 1} == {
        "pod_id": "pod1",
        "region": "EU-RO-1",
        "endpoint_id": None,
        "vcpu_count": None,
        "gpu_count": 1,
    }
    assert body["memory"]["total_mb"] > 100 and body["worker"]["jobs_running"] == 0


def test_a_running_job_is_counted(worker):
    job_id = worker.submit({"route": "create", "prompt": "steps 2000"})
    worker.wait_for_progress(job_id)
    threading.Event().wait(0.2)
    body = worker.http.get("/metrics").json()["worker"]
    worker.cancel(job_id)
    assert (body["jobs_running"], body["request_idle_s"]) == (1, 0)


def test_the_stream_sends_frame_after_frame(worker):
    frames = []
    with worker.http.stream("GET", "/stream") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            frames.append(line)
            if len(frames) == 5:
                break
    assert [frame[:6] for frame in frames] == ["data: ", "", "data: ", "", "data: "]
    times = [json.loads(frame[6:])["ts"] for frame in frames[::2]]
    assert times == sorted(set(times))


def test_the_socket_opens_with_the_token_in_its_address_or_header(worker):
    for address, headers in (
        (f"{ws_url(worker)}?token={TOKEN}", {}),
        (ws_url(worker), {"Authorization": f"Bearer {TOKEN}"}),
    ):
        with connect(address, additional_headers=headers) as socket:
            for _ in range(2):
                jsonschema.validate(json.loads(socket.recv(timeout=60)), SCHEMA)


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", f"?Token={TOKEN}"])
def test_a_wrong_token_closes_the_socket_with_its_own_code(worker, query):
    with connect(ws_url(worker) + query) as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=60)
    assert socket.protocol.close_code == 4403


def test_telemetry_is_pushed_with_its_token_also_after_a_refusal(worker, receivers):
    for arrived in (receivers.pushed, receivers.sent):
        authorization, body = arrived.get(timeout=60)
        assert authorization == f"Bearer {PUSH_TOKEN}"
        jsonschema.validate(body, SCHEMA)
    worker.process.line("[WORKER] warning: telemetry could not be pushed to PUSH_HTTP_URL: HTTPStatusError")
    diagnostics = worker.http.get("/health?diagnostics=true").text
    assert "planted-push" not in worker.process.output + diagnostics


def test_nothing_but_the_name_is_open_without_a_token(worker):
    """The guard stands before the application, so what is there and what is not answers alike."""
    job_api = ("run", "runsync", "status/x", "cancel/x", "retry/x", "purge-queue", "health")
    paths = {f"{prefix}/{path}" for prefix in ("", "/v2/e") for path in job_api}
    paths |= {"/", "/metrics", "/stream", "/ws", "/forge", "/api/forge", "/api/caption", "/api/models", "/docs"}
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
    answers = {}
    with httpx.Client(base_url=worker.http.base_url) as stranger:
        for path in sorted(paths | {"/openapi.json", "/%2e/metrics", "/v2/"}):
            for method in methods:
                reply = stranger.request(method, path)
                answers[method, path] = reply.status_code
                assert reply.headers["x-content-type-options"] == "nosniff"
                assert "access-control-allow-origin" not in reply.headers
    assert {key: code for key, code in answers.items() if code != 401} == {("GET", "/"): 200, ("HEAD", "/"): 200}
    assert stranger.is_closed and len(answers) > 100


@pytest.mark.parametrize(
    "header", ["Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN} x", "Bearer \xff"]
)
def test_a_wrong_token_is_forbidden(worker, header):
    headers = {"Authorization": header.encode("latin-1")}
    assert httpx.get(f"{worker.http.base_url}/metrics", headers=headers).status_code == 403


def test_a_caller_who_is_cut_off_loses_only_the_connection(worker):
    """As behind a proxy that ends every request after 100 seconds: the job goes on and can be read."""
    body = {"input": {"route": "create", "prompt": "steps 40"}}
    before = worker.http.get("/health").json()["jobs"]["completed"]
    with httpx.Client(base_url=worker.http.base_url, headers=worker.http.headers) as caller:
        with pytest.raises(httpx.ReadTimeout):
            caller.post("/runsync", json=body, timeout=0.5)
    for _ in range(600):
        jobs = worker.http.get("/health").json()["jobs"]
        if jobs["completed"] == before + 1:
            return
        threading.Event().wait(0.1)
    raise AssertionError(jobs)


class NoDriver:
    """Some cards answer some questions with an error."""

    class NVMLError(Exception):
        pass


def test_a_question_that_a_card_does_not_know_is_null(monkeypatch):
    gpus = telemetry._Gpus()
    monkeypatch.setattr(gpus, "_nvml", NoDriver)

    def unknown(handle):
        raise NoDriver.NVMLError

    assert gpus._ask(unknown, 0) is None and gpus._ask(lambda handle: 7, 0) == 7


def test_health_and_metrics_are_answered_at_once_while_a_job_runs(worker):
    job_id = worker.submit({"route": "create", "prompt": "steps 2000"})
    worker.wait_for_progress(job_id)

    async def many() -> list[int]:
        async with httpx.AsyncClient(base_url=worker.http.base_url, headers=worker.http.headers, timeout=60) as client:
            replies = await asyncio.gather(*(client.get(path) for path in ("/health", "/metrics") * 5))
            return [reply.status_code for reply in replies]

    assert asyncio.run(many()) == [200] * 10
    assert worker.http.get(f"/status/{job_id}").json()["status"] == "IN_PROGRESS"
    worker.cancel(job_id)
