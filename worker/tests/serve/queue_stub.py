"""Fault injection at the process border: the few requests of the platform's queue that a worker makes.

It hands out the jobs it was given, records what arrives and in which order, and can hold or
refuse messages. It is no double of the platform.
"""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOLD_S = 2.0
PLATFORM_KEY = "platform-secret-key"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A worker that was ended leaves its open requests behind; nobody has to read about it."""


class QueueStub:
    """`messages` holds (job id, body) of all job-done requests in order of arrival.

    `held_to_the_end` counts the requests for a job or a stop that waited `hold_s` seconds in vain.
    """

    def __init__(self, hold_s: float = HOLD_S):
        self.held_to_the_end = 0
        self.jobs: queue.Queue = queue.Queue()
        self.stops: queue.Queue = queue.Queue()
        self.messages: list[tuple[str, dict]] = []
        self.taken: list[str] = []
        self.progress_delay_s = 0.0
        self.arrived = threading.Condition()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *values):
                pass

            def do_GET(self):
                path = urlsplit(self.path).path
                source = stub.stops if "/job-stop/" in path else stub.jobs
                try:
                    body = source.get(timeout=hold_s)
                except queue.Empty:
                    stub.held_to_the_end += 1
                    return self.answer(204)
                if source is stub.jobs:
                    stub.taken.append(body["id"])
                self.answer(200, body)

            def do_POST(self):
                parts = urlsplit(self.path)
                text = self.rfile.read(int(self.headers["content-length"])).decode()
                body = json.loads(text, parse_constant=lambda word: f"INVALID:{word}")
                if body.get("status") == "IN_PROGRESS":
                    time.sleep(stub.progress_delay_s)
                with stub.arrived:
                    body["_stream"] = parse_qs(parts.query).get("isStream")
                    stub.messages.append((parts.path.rsplit("/", 1)[1], body))
                    stub.arrived.notify_all()
                self.answer(200, {})

            def answer(self, status, body=None):
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v2/ep1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self) -> dict[str, str]:
        """What the platform puts into a worker's environment, with addresses of this stub."""
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{self.url}/job-take/$ID?gpu=SIM",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{self.url}/job-done/$RUNPOD_POD_ID/$ID?gpu=SIM",
            "RUNPOD_POD_ID": "worker1",
            "RUNPOD_AI_API_KEY": PLATFORM_KEY,
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        }

    def wait(self, wanted, timeout_s: float = 300) -> None:
        """Until `wanted(self)` holds; fails with what has arrived."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: wanted(self), timeout_s):
                raise AssertionError(f"did not arrive; messages: {self.messages}")

    def result(self, job_id: str, timeout_s: float = 300) -> dict:
        """The message that ends the job."""
        self.wait(lambda stub: stub.results(job_id), timeout_s)
        return self.results(job_id)[0]

    def results(self, job_id: str) -> list[dict]:
        return [body for name, body in self.messages if name == job_id and body.get("status") != "IN_PROGRESS"]

    def progress(self, job_id: str) -> list[dict]:
        return [b["output"] for name, b in self.messages if name == job_id and b.get("status") == "IN_PROGRESS"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
