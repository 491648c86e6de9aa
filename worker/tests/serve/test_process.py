"""How the worker process starts and ends."""

import socket
import subprocess
import sys
import threading

import pytest

from tests.serve.workers import HANDLER, PodWorker, Process


def ended(environment: dict, **options) -> tuple[int, str]:
    process = Process(environment, **options)
    return process.exit_code(), process.output


def test_pod_mode_does_not_start_without_a_token():
    code, output = ended({"RUN_MODE": "pod"}, script=HANDLER)
    assert code == 1
    assert output.startswith("AUTH_TOKEN is not set") and "ALLOW_NO_AUTH=1" in output and "\n" not in output


def test_a_wrong_value_is_named_with_its_remedy():
    code, output = ended({"ALLOW_NO_AUTH": "1", "PORT": "http"}, script=HANDLER)
    assert code == 1
    assert output == "PORT is 'http'. Set a whole number from 0 to 65535, or remove it for 8000."


def test_a_busy_port_gets_one_sentence():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, output = ended({"ALLOW_NO_AUTH": "1", "PORT": str(port)}, script=HANDLER)
    assert code == 1
    assert f"Port {port} on 127.0.0.1 is in use by another program." in output
    assert "Traceback" not in output and len(output.splitlines()) == 1


def test_asked_to_stop_it_leaves_while_a_job_runs_and_tells_who_waits():
    worker = PodWorker()
    replies = []

    def wait_for_job():
        replies.append(worker.http.post("/runsync", json={"input": {"route": "create", "prompt": "steps 5000"}}).json())

    try:
        waiting = threading.Thread(target=wait_for_job)
        waiting.start()
        while worker.http.get("/health").json()["jobs"]["inProgress"] == 0:
            threading.Event().wait(0.02)
        worker.process.ask_to_stop()
        waiting.join()
        assert replies[0]["status"] == "FAILED"
        assert replies[0]["error"] == "JOB_FAILED: Job failed: the worker was stopped. Run it again."
        assert worker.process.exit_code() == 0
        assert "Traceback" not in worker.process.output
    finally:
        worker.close()


@pytest.mark.parametrize("module", ["torch", "diffusers", "transformers", "runpod", "fastapi"])
def test_importing_the_handler_loads_no_heavy_library(module):
    script = (
        f"import sys; sys.path.insert(0, {str(HANDLER.parent)!r}); import handler; sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize("server", ["studio.serve.http", "studio.serve.serverless"])
def test_neither_server_loads_an_engine_library(server):
    script = (
        f"import sys; sys.path.insert(0, {str(HANDLER.parent)!r}); import {server}; "
        "from studio import dispatch; from studio.settings import Settings; "
        "dispatch.check_start(Settings(model_set='demo')); dispatch.health(Settings(model_set='demo')); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
