"""The job API of pod mode as a client sees it: shapes, refusals, access."""

import asyncio
import json

import httpx
import pytest

from studio.process import ProcessState
from studio.serve.http import PodServer
from studio.settings import Settings
from tests.serve.workers import TOKEN, PodWorker

HEALTH_KEYS = {"status", "pipe_loaded", "aesthetics_loaded", "gpu_available", "gpu_name", "local_files_only", "version"}
HEALTH_KEYS |= {"swarmui_version", "engines", "vram_total_mb", "vram_free_mb", "cold_start", "uptime_s"}


@pytest.fixture(scope="module")
def worker():
    started = PodWorker()
    yield started
    started.close()


def create(prompt: str) -> dict:
    return {"input": {"route": "create", "prompt": prompt}}


def test_paths_are_served_plain_and_below_v2_and_any_endpoint(worker):
    job_id = worker.http.post("/v2/abc123/run", json=create("a cat")).json()["id"]
    worker.outcome(job_id)
    assert worker.http.get(f"/v2/other/status/{job_id}").json() == worker.http.get(f"/status/{job_id}").json()


def test_run_answers_at_once_with_id_and_state(worker):
    reply = worker.http.post("/run", json=create("a cat"))
    assert reply.status_code == 200
    assert reply.json() == {"id": reply.json()["id"], "status": "IN_QUEUE"}


def test_runsync_answers_with_the_whole_job(worker):
    reply = worker.http.post("/runsync", json=create("a cat")).json()
    assert set(reply) == {"id", "status", "delayTime", "executionTime", "workerId", "output"}
    assert reply["id"].startswith("sync-") and reply["status"] == "COMPLETED"


def test_runsync_that_waits_too_short_answers_with_the_state_and_goes_on(worker):
    reply = worker.http.post("/runsync?wait=1000", json=create("steps 60")).json()
    assert reply["status"] == "IN_PROGRESS"
    assert set(reply["output"]) == {"stage", "percent", "message"}
    assert "output" in worker.outcome(reply["id"])


def test_a_failed_job_can_be_tried_again_under_its_id(worker):
    job_id = worker.submit(create("raise x")["input"])
    worker.outcome(job_id)
    assert worker.http.post(f"/retry/{job_id}").json() == {"id": job_id, "status": "IN_QUEUE"}
    assert worker.outcome(job_id)["error"].startswith("JOB_FAILED")
    assert worker.http.get(f"/status/{job_id}").json()["retries"] == 1


def test_a_completed_job_cannot_be_tried_again(worker):
    job_id = worker.submit(create("a cat")["input"])
    worker.outcome(job_id)
    reply = worker.http.post(f"/retry/{job_id}")
    assert reply.status_code == 400
    assert reply.json()["detail"].startswith("Only a job that is FAILED or TIMED_OUT can be tried again")


def test_purge_takes_only_what_has_not_started(worker):
    running = worker.submit(create("steps 2000")["input"])
    worker.wait_for_progress(running)
    waiting = [worker.submit(create("a cat")["input"]) for _ in range(2)]
    assert worker.http.post("/purge-queue").json() == {"removed": 2, "status": "completed"}
    assert worker.http.get(f"/status/{running}").json()["status"] == "IN_PROGRESS"
    assert {worker.http.get(f"/status/{job}").json()["status"] for job in waiting} == {"CANCELLED"}
    assert worker.http.post(f"/cancel/{running}").json() == {"id": running, "status": "CANCELLED"}


def test_a_held_worker_goes_on_working_and_a_shutdown_ends_the_hold(worker):
    held = worker.submit({"action": "keepalive", "duration": 3600})
    worker.wait_for_progress(held)
    assert worker.finished(create("a cat")["input"])["output"]["prompt"] == "a cat"
    assert worker.http.get(f"/status/{held}").json()["status"] == "IN_PROGRESS"
    second = worker.finished({"action": "keepalive"})["error"]
    assert second.startswith(f"INVALID_INPUT: This worker is held by job {held} already; cancel that one first.")
    # It does not wait behind a job that runs, either.
    drawing = worker.submit(create("steps 20000")["input"])
    worker.wait_for_progress(drawing)
    assert worker.finished({"action": "shutdown"})["output"]["message"] == "Shutdown acknowledged"
    assert worker.outcome(held)["output"]["success"] is True
    assert worker.http.get(f"/status/{drawing}").json()["status"] == "IN_PROGRESS"
    worker.cancel(drawing)


def test_health_answers_while_a_job_runs_and_before_any_engine_is_loaded(worker):
    job_id = worker.submit(create("steps 2000")["input"])
    worker.wait_for_progress(job_id)
    reply = worker.http.get("/health")
    assert reply.status_code == 200
    health = reply.json()
    assert health.keys() >= HEALTH_KEYS | {"jobs", "workers"}
    assert set(health["jobs"]) == {"completed", "failed", "inProgress", "inQueue", "retried"}
    assert set(health["workers"]) == {"idle", "initializing", "ready", "running", "throttled", "unhealthy"}
    assert health["jobs"]["inProgress"] == 1 and health["workers"]["running"] == 1
    assert health["pipe_loaded"] is False
    worker.cancel(job_id)


def test_a_job_over_its_execution_timeout_fails_with_the_platforms_words(worker):
    body = create("steps 5000") | {"policy": {"executionTimeout": 5000}}
    job_id = worker.http.post("/run", json=body).json()["id"]
    assert worker.outcome(job_id) == {"error": "executionTimeout exceeded"}
    assert worker.finished(create("after")["input"])["output"]["prompt"] == "after"


def test_a_webhook_into_the_clouds_own_network_is_refused(worker):
    reply = worker.http.post("/run", json=create("a cat") | {"webhook": "http://169.254.169.254/latest"})
    assert reply.status_code == 400
    assert reply.json()["detail"].startswith("'webhook' is not called: its host '169.254.169.254' leads into a network")


def test_health_is_503_while_the_worker_starts(monkeypatch):
    starting = ProcessState()
    monkeypatch.setattr("studio.routes.health.PROCESS", starting)
    app = PodServer(Settings(model_set="demo", auth_token=None)).app

    def ask() -> httpx.Response:
        async def get():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://worker") as client:
                return await client.get("/health")

        return asyncio.run(get())

    assert (ask().status_code, ask().json()["workers"]["initializing"]) == (503, 1)
    starting.ready.set()
    assert (ask().status_code, ask().json()["workers"]["ready"]) == (200, 1)


def test_an_invalid_route_lists_the_valid_ones(worker):
    reply = worker.http.post("/runsync", json={"input": {"route": "paint"}}).json()
    assert reply["status"] == "FAILED"
    assert {"create", "production", "health"} <= set(reply["valid_routes"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "not JSON"),
        ('{"input": {"route": "create", "prompt": "x", "cfg_scale": NaN}}', "not JSON"),
        ("[]", "'input'"),
        ("{}", "'input' is missing or empty"),
        ('{"input": {}}', "'input' is missing or empty"),
        ('{"input": null}', "'input' is missing or empty"),
        ('{"input": {"route": "health"}, "webhook": "ftp://x"}', "'webhook'"),
        ('{"input": {"route": "health"}, "policy": {"executionTimeout": 4999}}', "'policy.executionTimeout' is 4999"),
        ('{"input": {"route": "health"}, "policy": {"ttl": true}}', "'policy.ttl' is true"),
        ('{"input": {"route": "health"}, "policy": 3}', "'policy'"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(worker, body, words):
    reply = worker.http.post("/run", content=body)
    assert reply.status_code == 400
    assert words in reply.json()["detail"] and reply.json()["status"] == 400


def test_a_body_over_the_limit_is_refused(worker):
    for path, limit in (("/run", 10_000_000), ("/runsync", 20_000_000)):
        body = json.dumps({"input": {"route": "health", "x": "a" * limit}})
        reply = worker.http.post(path, content=body)
        assert reply.status_code == 413
        assert f"the limit is {limit}" in reply.json()["detail"]


def test_a_body_of_unknown_length_is_counted(worker):
    reply = worker.http.post("/run", content=(b" " * 1_000_000 for _ in range(11)))
    assert reply.status_code == 413


@pytest.mark.parametrize("wait", ["999", "300001", "x", "-5"])
def test_wait_has_limits(worker, wait):
    reply = worker.http.post(f"/runsync?wait={wait}", json=create("a cat"))
    assert reply.status_code == 400 and "'wait'" in reply.json()["detail"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/status/x"), ("POST", "/cancel/x"), ("POST", "/retry/x")])
def test_an_unknown_job_gets_the_platforms_404(worker, method, path):
    reply = worker.http.request(method, path)
    assert reply.status_code == 404
    assert reply.json() == {"status": 404, "title": "Not Found", "detail": "job not found"}


def test_without_token_401_with_a_wrong_one_403(worker):
    for path in ("/health", "/status/x", "/v2/a/health", "/nothing", "/docs", "/openapi.json"):
        assert httpx.get(f"{worker.http.base_url}{path}").status_code == 401
        assert worker.http.get(path, headers={"authorization": f"Bearer {TOKEN}x"}).status_code == 403
        assert worker.http.get(path, headers={"authorization": f"Basic {TOKEN}"}).status_code == 403


def test_only_the_root_is_open(worker):
    reply = httpx.get(str(worker.http.base_url))
    assert reply.status_code == 200 and reply.json()["ok"] is True
    assert httpx.post(str(worker.http.base_url)).status_code == 401
