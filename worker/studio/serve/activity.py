"""How busy the worker is: the two clocks that say whether anybody still needs it."""

import time
from collections.abc import Callable

from studio.jobs.runner import JobRunner
from studio.pod import Clocks

# Whoever only looks on does not need the worker: a monitor would keep an unused Pod for ever.
# By the last step of a path. A list that is opened in a form is no work either: /api/models.
WATCHING = ("/", "/health", "/metrics", "/stream", "/ws", "/models")


class Activity:
    """Fed by the server with each request and by the telemetry with each look at the GPU."""

    def __init__(self, runner: JobRunner, clock: Callable[[], float] = time.monotonic):
        self._runner = runner
        self._clock = clock
        self._started = self._requested = clock()
        self._gpu_busy_at: float | None = None

    def request(self, path: str) -> None:
        """A request was let in."""
        if "/" + path.rsplit("/", 1)[1] not in WATCHING:
            self._requested = self._clock()

    def gpu(self, utilization_percent: list[float]) -> None:
        """Utilization of each GPU; an empty list where there is none."""
        if not utilization_percent:
            self._gpu_busy_at = None
        elif self._gpu_busy_at is None or max(utilization_percent) > 0:
            self._gpu_busy_at = self._clock()

    @property
    def jobs_running(self) -> int:
        return self._runner.store.counts()["inProgress"]

    def clocks(self) -> Clocks:
        """Where the clocks stand now. The end of a job counts as a request: its result is still to be fetched."""
        now = self._clock()
        counts = self._runner.store.counts()
        jobs = counts["inProgress"] + counts["inQueue"]
        if jobs:
            self._requested = now
        gpu_idle = None if self._gpu_busy_at is None else now - self._gpu_busy_at
        return Clocks(now - self._started, now - self._requested, gpu_idle, jobs)
