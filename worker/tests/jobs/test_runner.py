"""The runner with a clock of its own: what ends a job, what follows it, what does not."""

import threading

import pytest

from studio.failures import StudioFailure
from studio.jobs.job import Job, Policy
from studio.jobs.runner import JobRunner
from studio.jobs.state import TransitionError
from studio.settings import Settings

LONG_S = 30


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Bench:
    """A runner whose jobs wait for a word before they go on."""

    def __init__(self, tmp_path):
        self.clock = Clock()
        self.finished, self.progress = [], []
        self.started, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.runner = JobRunner(
            Settings(temp_root=tmp_path, secrets=("hush",)),
            self.run,
            self.clock,
            on_finish=lambda job: self.finished.append((job.id, job.status)),
            on_progress=lambda job, progress: self.progress.append((job.id, job.status)),
            aside=lambda job_input: job_input == "aside",
        )

    def run(self, job_input, context):
        self.started.release()
        assert self.go_on.acquire(timeout=LONG_S)
        context.progress("generating", 50, "half")
        context.check_cancelled()
        if isinstance(job_input, Exception):
            raise job_input
        return {"done": job_input}

    def submit(self, name, job_input="x", policy=None) -> Job:
        job = Job(name, job_input, policy=policy or Policy())
        self.runner.submit(job)
        return job

    def begin(self):
        assert self.started.acquire(timeout=LONG_S)

    def let_go(self, job):
        self.go_on.release()
        job.attempt.released.result(LONG_S)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.runner.stop()
    for _ in range(20):
        made.go_on.release()
    assert made.runner.join(LONG_S)


def test_a_job_runs_to_its_output_and_tells_its_times(bench):
    job = bench.submit("a")
    bench.begin()
    bench.clock.now += 2.5
    bench.let_go(job)
    assert (job.status, job.output) == ("COMPLETED", {"done": "x"})
    assert (job.delay_ms, job.execution_ms(bench.clock.now)) == (0, 2500)
    assert bench.progress == [("a", "IN_PROGRESS")]
    assert bench.finished == [("a", "COMPLETED")]


def test_jobs_run_one_after_another_in_order(bench):
    first, second = bench.submit("a"), bench.submit("b")
    bench.begin()
    assert (first.status, second.status) == ("IN_PROGRESS", "IN_QUEUE")
    bench.clock.now += 3
    bench.let_go(first)
    bench.begin()
    assert second.delay_ms == 3000
    bench.let_go(second)
    assert [name for name, _ in bench.finished] == ["a", "b"]


def test_a_job_that_needs_no_device_does_not_wait_for_it(bench):
    drawing, waiting = bench.submit("a"), bench.submit("b")
    bench.begin()
    aside = bench.submit("c", "aside")
    bench.begin()
    assert (drawing.status, waiting.status, aside.status) == ("IN_PROGRESS", "IN_QUEUE", "IN_PROGRESS")
    bench.runner.cancel("c")
    assert aside.status == "CANCELLED"
    for _ in range(3):
        bench.go_on.release()
    for job in (drawing, waiting, aside):
        job.attempt.released.result(LONG_S)
    assert bench.finished == [("c", "CANCELLED"), ("a", "COMPLETED"), ("b", "COMPLETED")]


def test_stopping_ends_jobs_beside_the_device_too(bench):
    aside = bench.submit("a", "aside")
    bench.begin()
    bench.runner.stop()
    assert aside.status == "FAILED" and "the worker was stopped" in aside.error
    assert bench.submit("b", "aside").status == "FAILED"
    bench.go_on.release()
    aside.attempt.released.result(LONG_S)


def test_after_a_cancel_there_is_neither_progress_nor_a_result(bench):
    job = bench.submit("a")
    bench.begin()
    bench.runner.cancel("a")
    assert job.status == "CANCELLED"
    bench.let_go(job)
    assert (job.status, job.output) == ("CANCELLED", None)
    assert bench.progress == [] and bench.finished == [("a", "CANCELLED")]


def test_a_job_cancelled_in_the_queue_never_starts(bench):
    first, second = bench.submit("a"), bench.submit("b")
    bench.begin()
    bench.runner.cancel("b")
    bench.let_go(first)
    second.attempt.released.result(LONG_S)
    assert (second.status, second.started_at) == ("CANCELLED", None)
    assert not bench.started.acquire(blocking=False)


def test_an_execution_timeout_is_told_as_the_platform_tells_it(bench):
    job = bench.submit("a", policy=Policy(execution_timeout_ms=5000))
    bench.begin()
    bench.clock.now += 4.9
    bench.runner.sweep()
    assert job.status == "IN_PROGRESS"
    bench.clock.now += 0.1
    bench.runner.sweep()
    assert (job.status, job.error) == ("FAILED", "executionTimeout exceeded")
    bench.let_go(job)
    assert job.error == "executionTimeout exceeded" and bench.finished == [("a", "FAILED")]


def test_an_old_run_does_not_speak_for_the_retry(bench):
    job = bench.submit("a", policy=Policy(execution_timeout_ms=5000))
    bench.begin()
    bench.clock.now += 6
    bench.runner.sweep()
    old = job.attempt
    bench.runner.retry("a")
    bench.go_on.release()
    old.released.result(LONG_S)
    bench.begin()
    assert (job.status, job.output, job.retries) == ("IN_PROGRESS", None, 1)
    assert bench.progress == []
    bench.let_go(job)
    assert job.status == "COMPLETED"


def test_the_time_to_live_ends_a_job_in_whatever_state(bench):
    running = bench.submit("a", policy=Policy(None, ttl_ms=10_000))
    waiting = bench.submit("b", policy=Policy(None, ttl_ms=10_000))
    bench.begin()
    bench.clock.now += 10
    bench.runner.sweep()
    assert bench.runner.store.get("a") is None and bench.runner.store.get("b") is None
    assert running.attempt.finished.done() and waiting.attempt.finished.done()
    bench.let_go(running)
    assert bench.finished == [] and bench.progress == []


def test_results_are_kept_half_an_hour(bench):
    job = bench.submit("a")
    bench.begin()
    bench.let_go(job)
    bench.clock.now += 1799
    bench.runner.sweep()
    assert bench.runner.store.get("a") is job
    bench.clock.now += 1
    bench.runner.sweep()
    assert bench.runner.store.get("a") is None
    assert bench.runner.store.counts()["completed"] == 1


@pytest.mark.parametrize(
    ("raised", "start"),
    [
        (StudioFailure("MASK_REQUIRED"), "MASK_REQUIRED: "),
        (ValueError("odd"), "JOB_FAILED: Job failed: ValueError: odd."),
        (FileNotFoundError(2, "no", "/models/x"), "ASSET_MISSING: Missing model file '/models/x'"),
        (RuntimeError("key hush was refused"), "JOB_FAILED: Job failed: RuntimeError: key *** was refused."),
    ],
)
def test_whatever_is_raised_becomes_a_failure(bench, raised, start):
    job = bench.submit("a", raised)
    bench.begin()
    bench.let_go(job)
    assert job.status == "FAILED" and job.error.startswith(start)


def test_only_failed_jobs_can_be_tried_again(bench):
    job = bench.submit("a")
    bench.begin()
    bench.let_go(job)
    with pytest.raises(TransitionError, match="COMPLETED cannot become IN_QUEUE"):
        bench.runner.retry("a")
    assert bench.runner.retry("unknown") is None


def test_stopping_ends_every_job_and_takes_no_other(bench):
    running, waiting = bench.submit("a"), bench.submit("b")
    bench.begin()
    bench.runner.stop()
    late = bench.submit("c")
    assert {running.status, waiting.status, late.status} == {"FAILED"}
    assert "the worker was stopped" in late.error


def test_a_listener_that_fails_does_not_fail_the_job(bench):
    def broken(*values):
        raise OSError("listener")

    bench.runner._on_finish = bench.runner._on_progress = broken
    job = bench.submit("a")
    bench.begin()
    bench.let_go(job)
    assert job.status == "COMPLETED"
