"""The end of an idle Pod: when it is decided, on a clock that the test turns, and how the platform is asked."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from studio.jobs.job import Job
from studio.jobs.runner import JobRunner
from studio.pod import Clocks, Pod, reason_to_end
from studio.serve.activity import Activity
from studio.serve.departure import AGAIN_S, LOOK_S, Departure
from studio.settings import Settings, SettingsError
from tests.serve.workers import PodWorker

KEY = "planted-pod-key"
POD = Pod(id="pod1", api_key=KEY)


class Platform:
    """Fault injection at the process border: the one request by which a Pod is ended. Answers the listed codes."""

    def __init__(self, *codes: int):
        self.codes = list(codes)
        self.asked: list[tuple] = []
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *values):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                platform.asked.append((self.path, self.headers["authorization"], body))
                code = platform.codes.pop(0) if platform.codes else 204
                self.send_response(code)
                self.send_header("content-length", "0")
                self.end_headers()

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v2"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("pod", "clocks", "reason"),
    [
        ({}, (5000, 899, None, 0), None),
        ({}, (5000, 900, None, 0), "no request came for 900 s (POD_IDLE_S 900)"),
        ({}, (5000, 900, None, 1), None),
        ({}, (5000, 10, 599, 0), None),
        ({}, (5000, 10, 600, 0), "the GPU was at 0 % for 600 s (GPU_IDLE_S 600)"),
        ({"gpu_idle_s": 0}, (5000, 10, 6000, 0), None),
        ({"idle_s": 300}, (5000, 300, None, 0), "no request came for 300 s (POD_IDLE_S 300)"),
        ({}, (10**7, 0, 0, 0), None),
        ({"max_lifetime_s": 3600}, (3600, 0, 0, 2), "it has run for 3600 s (POD_MAX_LIFETIME_S 3600)"),
        ({"max_lifetime_s": 3600}, (3599, 0, 0, 0), None),
        ({"idle_action": "none", "max_lifetime_s": 60}, (10**6, 10**6, 10**6, 0), None),
        ({"id": None}, (10**6, 10**6, 10**6, 0), None),
        ({"api_key": None}, (10**6, 10**6, 10**6, 0), None),
    ],
)
def test_when_a_pod_is_ended(pod, clocks, reason):
    assert reason_to_end(Pod(**{"id": "pod1", "api_key": KEY} | pod), Clocks(*clocks)) == reason


def test_the_two_clocks_run_apart():
    clock = Clock()
    runner = JobRunner(Settings(), lambda job_input, context: {}, clock)
    activity = Activity(runner, clock)
    clock.now += 50
    for path in ("/", "/health", "/v2/x/health", "/metrics", "/stream", "/ws", "/api/models"):
        activity.request(path)
    assert activity.clocks() == Clocks(50, 50, None, 0)
    activity.request("/v2/x/status/1")
    activity.gpu([0, 3])
    clock.now += 7
    activity.gpu([0, 0])
    assert activity.clocks() == Clocks(57, 7, 7, 0)
    job = Job("a", {})
    runner.store.add(job)
    assert activity.clocks() == Clocks(57, 0, 7, 1)
    job.finish("CANCELLED", clock.now)
    clock.now += 5
    assert activity.clocks() == Clocks(62, 5, 12, 0)


def watch(platform: Platform, action: str = "terminate", idle: list[float] | None = None) -> tuple[list, list, list]:
    """Runs a departure until it has ended its Pod: its pauses, whether it was leaving at each, its ends."""
    pauses, leaving, ended = [], [], []
    readings = iter(idle or [])

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        leaving.append(departure.leaving)

    def clocks() -> Clocks:
        return Clocks(5000, next(readings, 900), None, 0)

    pod = Pod(id="pod1", api_key=KEY, management_url=platform.url, idle_action=action)
    departure = Departure(pod, clocks, lambda: ended.append(departure.leaving), pause)

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            await departure.watch(client)

    asyncio.run(run())
    return pauses, leaving, ended


@pytest.fixture
def platform():
    made = Platform()
    yield made
    made.close()


@pytest.mark.parametrize("action", ["terminate", "stop"])
def test_the_platform_is_asked_once_with_the_pods_own_key(platform, action):
    pauses, _, ended = watch(platform, action, [10, 899])
    assert platform.asked == [("/v2/pods/pod1/action", f"Bearer {KEY}", {"action": action})]
    assert (pauses, ended) == ([LOOK_S] * 3, [True])


def test_a_platform_that_fails_is_asked_again_and_the_worker_serves_meanwhile(platform, caplog):
    platform.codes = [500, 429, 404]
    pauses, leaving, ended = watch(platform)
    assert len(platform.asked) == 3 and ended == [True]
    assert pauses == [LOOK_S, AGAIN_S, LOOK_S, AGAIN_S, LOOK_S] and not any(leaving)
    assert "the platform did not end this Pod: HTTP 500" in caplog.text and KEY not in caplog.text


def test_a_pod_without_a_key_says_so_and_runs_on(caplog):
    departure = Departure(Pod(id="pod1"), lambda: Clocks(10**6, 10**6, None, 0), lambda: None)
    asyncio.run(departure.watch(None))
    assert "cannot end itself when it is idle: RUNPOD_API_KEY is not set" in caplog.text


def test_an_ended_pod_leaves_in_order(platform):
    worker = PodWorker(
        RUNPOD_POD_ID="pod1",
        RUNPOD_API_KEY=KEY,
        RUNPOD_MANAGEMENT_URL=platform.url,
        POD_MAX_LIFETIME_S="1",
    )
    try:
        assert worker.process.exit_code() == 0
        assert platform.asked[0][0] == "/v2/pods/pod1/action"
        worker.process.line("[WORKER] warning: this Pod asks the platform to terminate it: it has run for ")
        assert KEY not in worker.process.output and "Traceback" not in worker.process.output
    finally:
        worker.close()


def test_the_settings_have_the_named_limits():
    def pod(**environment: str) -> Pod:
        return Settings.from_environment({"ALLOW_NO_AUTH": "1"} | environment).pod

    assert (pod().idle_s, pod().gpu_idle_s, pod().max_lifetime_s, pod().idle_action) == (900, 600, 0, "terminate")
    assert pod(MODEL_SET="caption").idle_s == 300 and pod(MODEL_SET="caption", POD_IDLE_S="120").idle_s == 120
    with pytest.raises(SettingsError, match="POD_IDLE_S is '59'. Set a number from 60 to"):
        pod(POD_IDLE_S="59")
    assert KEY not in repr(pod(RUNPOD_API_KEY=KEY))
