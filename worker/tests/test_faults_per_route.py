"""Whatever a route does wrong ends its job in the agreed way: injected into every route of the contract."""

import logging

import pytest

from studio import dispatch, logs
from studio.contract.errors import FAILURES
from studio.contract.routes import ROUTES
from studio.jobs.job import Job
from studio.jobs.runner import JobRunner
from studio.process import ProcessState
from studio.settings import Settings
from tests.contract.test_examples import minimal

LONG_S = 30
SECRET = "planted-secret"


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def raising(error: BaseException):
    def run(input, context):
        # What was begun before the fault must not stay.
        (context.scratch() / "input.png").write_bytes(b"left")
        logging.getLogger("studio.engines").warning("about to fail with %s", SECRET)
        raise error

    return run


FAULTS = {
    "a bug": (
        raising(RuntimeError(f"cause {SECRET}\nsecond line")),
        "JOB_FAILED: Job failed: RuntimeError: cause ***.",
    ),
    "no memory": (raising(OutOfMemoryError("CUDA out of memory")), "OUT_OF_MEMORY: Out of memory"),
    "no file": (raising(FileNotFoundError(2, "no", "/models/x")), "ASSET_MISSING: Missing model file '/models/x'"),
    "no network": (raising(ConnectionResetError("reset")), "NETWORK: ConnectionResetError: reset"),
    "the end of the process": (raising(SystemExit(3)), "JOB_FAILED: Job failed: SystemExit: 3."),
    "NaN": (lambda input, context: {"score": float("nan")}, "JOB_FAILED: Job failed: the route returned a value that"),
    "bytes": (lambda input, context: {"image": b"raw"}, "JOB_FAILED: Job failed: the route returned a value that"),
    "an error as its result": (
        lambda input, context: {"error": "no"},
        "JOB_FAILED: Job failed: the route returned the",
    ),
}


class Route:
    def __init__(self, run):
        self.run = run


@pytest.fixture
def settings(tmp_path):
    return Settings(model_set="demo", temp_root=tmp_path / "jobs", secrets=(SECRET,))


@pytest.fixture
def lines(settings):
    logs.start_log(settings)
    logs._TAIL.clear()
    yield logs._TAIL
    logging.getLogger().handlers = []


def test_every_route_has_its_faults():
    assert set(ROUTES) >= {"create", "production", "upscale", "score", "caption", "health", "models"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", ROUTES)
def test_a_fault_ends_the_job_with_code_and_sentence_and_the_next_one_runs(route, fault, settings, lines, monkeypatch):
    does, start = FAULTS[fault]
    process = ProcessState()
    process.ready.set()
    monkeypatch.setattr(dispatch, "PROCESS", process)
    monkeypatch.setattr(dispatch, "_route", lambda name: Route(does))
    runner = JobRunner(settings, dispatch.run_job)
    job = Job("job-1", minimal(route))
    runner.submit(job)
    job.attempt.released.result(LONG_S)
    assert (job.status, job.output) == ("FAILED", None)
    assert job.error.startswith(start) and job.error.partition(":")[0] in FAILURES
    assert "Traceback" not in job.error and "\n" not in job.error and SECRET not in job.error
    assert lines and all(line.startswith(f"[{route.upper()}] ") and SECRET not in line for line in lines)
    assert not settings.temp_root.exists() or list(settings.temp_root.iterdir()) == []

    monkeypatch.setattr(dispatch, "_route", lambda name: Route(lambda input, context: {"done": True}))
    after = Job("job-2", minimal(route))
    runner.submit(after)
    after.attempt.released.result(LONG_S)
    assert after.status == "COMPLETED" and after.output["done"] is True
    runner.stop()
    assert runner.join(LONG_S)
