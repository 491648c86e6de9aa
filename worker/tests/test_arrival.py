"""Waiting for files that are on their way, by the age of the worker."""

import pytest

from studio.arrival import wait_for
from studio.context import JobContext
from studio.failures import Cancelled, StudioFailure
from studio.settings import Settings


class Worker:
    """A worker of some age, which grows with each pause; the file is there from `arrives_s` on."""

    def __init__(self, age_s: float = 3, arrives_s: float = 1e9, code: str = "ASSET_MISSING", **job):
        self.age_s, self.arrives_s, self.code = age_s, arrives_s, code
        self.looks, self.told = 0, []
        self.job = JobContext("job-1", Settings(wait_for_assets_s=10), self.told.append, **job)

    def look(self) -> str:
        self.looks += 1
        if self.age_s >= self.arrives_s:
            return "found"
        raise StudioFailure(self.code, asset="unet", tried="/v/unet")

    def pause(self, seconds: float) -> None:
        self.age_s += seconds

    def wait(self) -> str:
        return wait_for(self.look, self.job, lambda: self.age_s, self.pause)


def test_a_file_that_comes_in_time_is_found_and_the_job_told_why_it_waits():
    worker = Worker(arrives_s=6)
    assert worker.wait() == "found"
    assert [news["message"] for news in worker.told][:1] == ["Waiting for unet, at most 7 s more"]
    assert worker.age_s < 8


def test_what_does_not_come_fails_once_the_worker_is_old_enough():
    worker = Worker()
    with pytest.raises(StudioFailure, match="ASSET_MISSING: Missing model file 'unet'.*/v/unet"):
        worker.wait()
    assert worker.age_s == pytest.approx(11)


def test_an_old_worker_does_not_wait():
    worker = Worker(age_s=10)
    with pytest.raises(StudioFailure, match="ASSET_MISSING"):
        worker.wait()
    assert (worker.looks, worker.told) == (1, [])


def test_nothing_else_is_waited_for():
    worker = Worker(code="MODEL_NOT_FOUND")
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND"):
        worker.wait()
    assert worker.looks == 1


def test_a_cancelled_job_does_not_wait():
    worker = Worker(is_cancelled=lambda: True)
    with pytest.raises(Cancelled):
        worker.wait()
    assert worker.looks == 1
