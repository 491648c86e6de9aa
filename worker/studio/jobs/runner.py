"""Runs jobs one after another on the device, and those that do not need it beside them, for both servers."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from studio.bucket import secrets_of
from studio.context import JobContext
from studio.failures import Cancelled, classify
from studio.jobs.job import Attempt, Job
from studio.jobs.store import JobStore
from studio.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_TEXT = "executionTimeout exceeded"
SHUTDOWN_TEXT = "JOB_FAILED: Job failed: the worker was stopped. Run it again."


class JobRunner:
    """Owns the jobs of the process: every change of a job goes through here, under one lock.

    `run(input, context)` does the work in the runner's thread, so that a server stays responsive.
    Jobs whose input is `aside` do not wait for the device: each has a thread of its own.
    `on_finish(job)` is called once for each final state, `on_progress(job, progress)` never after it.
    """

    def __init__(
        self,
        settings: Settings,
        run: Callable[[object, JobContext], dict],
        clock: Callable[[], float] = time.monotonic,
        on_finish: Callable[[Job], None] = lambda job: None,
        on_progress: Callable[[Job, dict], None] = lambda job, progress: None,
        aside: Callable[[object], bool] = lambda job_input: False,
    ):
        self.settings = settings
        self.clock = clock
        self.store = JobStore()
        self._run = run
        self._on_finish = on_finish
        self._on_progress = on_progress
        self._aside = aside
        self._lock = threading.RLock()
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def submit(self, job: Job) -> None:
        """Puts a job in the queue. `job.attempt.finished` resolves when it is final."""
        with self._lock:
            job.submitted_at = job.queued_at = self.clock()
            self.store.add(job)
            self._enqueue(job)

    def cancel(self, job_id: str) -> Job | None:
        """Cancels a job that waits or runs; the engine stops at its next step. None if unknown."""
        with self._lock:
            job = self.store.get(job_id)
            if job is not None and not job.final:
                self._finish(job, job.attempt, "CANCELLED")
            return job

    def retry(self, job_id: str) -> Job | None:
        """Queues a failed job again under the same id. Raises TransitionError for other states."""
        with self._lock:
            job = self.store.get(job_id)
            if job is not None:
                job.requeue(self.clock())
                self._enqueue(job)
            return job

    def purge(self) -> int:
        """Cancels every job that has not started; tells how many."""
        with self._lock:
            waiting = [job for job in self.store.jobs() if job.status == "IN_QUEUE"]
            for job in waiting:
                self._finish(job, job.attempt, "CANCELLED")
            return len(waiting)

    def sweep(self) -> None:
        """Ends jobs that ran or lived too long and forgets old results. To be called often."""
        with self._lock:
            now = self.clock()
            for job in self.store.jobs():
                limit = job.policy.execution_timeout_ms
                if job.status == "IN_PROGRESS" and limit is not None and job.execution_ms(now) >= limit:
                    self._finish(job, job.attempt, "FAILED", error=TIMEOUT_TEXT)
            for job in self.store.expired(now):
                job.attempt.stop.set()
                self.store.remove(job.id)
                _resolve(job.attempt.finished)

    def stop(self) -> None:
        """Ends every job and takes no more. Does not wait for the device."""
        with self._lock:
            self._stopping = True
            for job in self.store.jobs():
                if not job.final:
                    self._finish(job, job.attempt, "FAILED", error=SHUTDOWN_TEXT)
            self._waiting.put(None)

    def join(self, timeout_s: float) -> bool:
        """Waits until the device is free. False when it was still busy after the time."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def _enqueue(self, job: Job) -> None:
        if self._stopping:
            self._finish(job, job.attempt, "FAILED", error=SHUTDOWN_TEXT)
            return
        if self._aside(job.input):
            threading.Thread(target=self._run_one, args=(job, job.attempt), name="aside", daemon=True).start()
            return
        self._waiting.put((job, job.attempt))
        if self._thread is None:
            # A daemon: a step that hangs on the device must not keep a stopped worker alive.
            self._thread = threading.Thread(target=self._work, name="device", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._run_one(*entry)

    def _run_one(self, job: Job, attempt: Attempt) -> None:
        try:
            if self._begin(job, attempt):
                self._perform(job, attempt)
        finally:
            _resolve(attempt.finished)
            _resolve(attempt.released)

    def _begin(self, job: Job, attempt: Attempt) -> bool:
        with self._lock:
            if attempt.stop.is_set():
                return False
            job.start(self.clock())
            return True

    def _perform(self, job: Job, attempt: Attempt) -> None:
        def report(progress: dict) -> None:
            with self._lock:
                if attempt.stop.is_set():
                    return
                job.progress = progress
                self._tell(self._on_progress, job, progress)

        context = JobContext(job.id, self.settings, report, attempt.stop.is_set, job.s3_config)
        try:
            output = self._run(job.input, context)
            result = {"status": "COMPLETED", "output": output}
        except Cancelled:
            result = {"status": "CANCELLED"}
        except BaseException as exception:
            failure = classify(exception)
            error = self.settings.redact(str(failure), secrets_of(job.s3_config))
            result = {"status": "FAILED", "error": error, "error_code": failure.code}
        finally:
            context.close()
        with self._lock:
            if not attempt.stop.is_set():
                self._finish(job, attempt, **result)

    def _finish(self, job: Job, attempt: Attempt, status, output=None, error=None, error_code=None) -> None:
        # The only way into a final state: the flag is up before anyone hears of it, so no progress follows.
        attempt.stop.set()
        job.finish(status, self.clock(), output, error, error_code)
        self._tell(self._on_finish, job)
        _resolve(attempt.finished)

    @staticmethod
    def _tell(listener, *values) -> None:
        try:
            listener(*values)
        except Exception:
            log.exception("a listener failed")


def _resolve(future) -> None:
    if not future.done():
        future.set_result(None)
