"""Every secret that the environment can hold is planted, and looked for in all that a worker tells and writes."""

import re
from pathlib import Path

import httpx
import pytest

from studio.settings import SECRET_VARIABLES
from tests.serve.workers import PodWorker, ServerlessWorker

# Receivers of telemetry that are not there: their addresses are secrets, and their failures are logged.
ADDRESSES = {"PUSH_HTTP_URL": "http://127.0.0.1:1/", "PUSH_WS_URL": "ws://127.0.0.1:1/"}
PLANTED = {name: f"{ADDRESSES.get(name, '')}planted-{name.lower().replace('_', '-')}" for name in SECRET_VARIABLES}


def test_every_variable_that_sounds_like_a_secret_is_one():
    read = (Path(__file__).parents[2] / "studio" / "settings.py").read_text()
    named = {
        name for name in re.findall(r'"([A-Z][A-Z_]+)"', read) if name.endswith(("TOKEN", "KEY", "SECRET", "KEY_ID"))
    }
    assert named and named <= set(SECRET_VARIABLES)


@pytest.fixture(scope="module", params=[PodWorker, ServerlessWorker])
def worker(request, tmp_path_factory):
    # The kinds of worker set the token and the platform's key themselves.
    own = {PodWorker: "AUTH_TOKEN", ServerlessWorker: "RUNPOD_AI_API_KEY"}[request.param]
    planted = {name: value for name, value in PLANTED.items() if name != own}
    started = request.param(
        TEMP_ROOT=str(tmp_path_factory.mktemp("jobs")),
        BUCKET_ENDPOINT_URL="http://127.0.0.1:1/own",
        ALLOW_PRIVATE_ADDRESSES="1",
        TELEMETRY_INTERVAL="0.1",
        LOG_LEVEL="DEBUG",
        DEBUG="1",
        MAX_INLINE_MB="1",
        **planted,
    )
    started.planted = list(planted.values()) + [started.secret]
    yield started
    started.close()


def test_no_secret_is_in_any_reply_or_line(worker):
    words = " ".join(worker.planted)
    told = [
        worker.finished(job_input)
        for job_input in (
            {"route": "health", "diagnostics": True},
            {"route": "create", "prompt": "a cat"},
            {"route": "create", "prompt": f"raise {words}"},
            {"route": "create", "prompt": f"speak {words}"} | {"filename": "spoken"},
            {"route": "create", "prompt": "picture 1.5"},
            {"action": "wakeup"},
            {"action": "keepalive", "duration": 0.1},
            {"action": words},
            {"route": words},
            {"route": "create", "prompt": "x", "seed": words},
        )
    ]
    codes = [outcome.get("error", "none").partition(":")[0] for outcome in told]
    assert codes == ["none"] * 2 + ["JOB_FAILED", "none", "UPLOAD_FAILED", "none", "none"] + [
        "INVALID_INPUT", "INVALID_ROUTE", "INVALID_INPUT",
    ]  # fmt: skip
    # The prompt comes back with its picture: it is the caller's own.
    told.pop(3)
    if isinstance(worker, PodWorker):
        for path in ("/", "/health?diagnostics=true", "/metrics", "/api/models", "/status/nonesuch", "/nothing"):
            reply = worker.http.get(path)
            told.append(reply.text + str(reply.headers))
        told.append(httpx.get(f"{worker.http.base_url}/health").text)
        told.append(worker.http.post("/run", content=words).text)
    everything = str(told) + worker.process.output
    assert [secret for secret in worker.planted if secret in everything] == []
    # They were really written, and taken out.
    assert any("[CREATE] warning: *** ***" in line for line in worker.process.lines)
