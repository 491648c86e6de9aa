"""Inputs that name an `action` instead of a route: the protocol by which SwarmUI drives a worker.

None of them works on the device, so they run beside the jobs that do: a worker that is held still makes
pictures, and can be asked to end the hold.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from studio.context import JobContext
from studio.contract.job import EXECUTION_TIMEOUT_MAX_S, HOLD_INTERVAL_MIN_S, HOLD_INTERVAL_S, HOLD_S
from studio.failures import StudioFailure
from studio.process import PROCESS

ROUTE_KEYS = ("route", "workflow", "process")
# How soon a hold hears of its end.
LOOK_S = 0.1
# A hold that was just cancelled is over by then.
HANDOVER_S = 1.0


def is_action(job_input: object) -> bool:
    """Whether the input of a job is an action. Pure; a route goes first."""
    return isinstance(job_input, dict) and "action" in job_input and not any(key in job_input for key in ROUTE_KEYS)


def run_action(values: dict, context: JobContext) -> dict:
    """The reply of the action, in the protocol's own shape: nothing is added. Raises StudioFailure, Cancelled."""
    asked = values["action"]
    action = ACTIONS.get(asked.strip().lower()) if isinstance(asked, str) else None
    if action is None:
        known = ", ".join(f"'{name}'" for name in ACTIONS)
        raise StudioFailure("INVALID_INPUT", detail=f"'action' must be one of {known}, not {str(asked)[:60]!r}.")
    return action(values, context)


class _Hold:
    """The one hold that a worker can have: two of them would pay for the same time twice."""

    def __init__(self):
        self._changed = threading.Condition()
        self._job_id: str | None = None
        self._ended = threading.Event()

    @contextlib.contextmanager
    def of(self, job_id: str) -> Iterator[threading.Event]:
        """Gives the event that asks for the end. Raises INVALID_INPUT while another job holds the worker."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._job_id is None, HANDOVER_S):
                detail = f"This worker is held by job {self._job_id} already; cancel that one first."
                raise StudioFailure("INVALID_INPUT", detail=detail)
            self._job_id, self._ended = job_id, threading.Event()
        try:
            yield self._ended
        finally:
            with self._changed:
                self._job_id = None
                self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended.set()


_HOLD = _Hold()


def end_hold() -> None:
    """Ends the hold of this worker, if there is one: its job is completed."""
    _HOLD.end()


def _place(context: JobContext) -> dict:
    """Where the worker can be reached and who it is.

    Only a worker in a Pod serves a port. `session_id` is one of SwarmUI, which does not run here.
    """
    settings = context.settings
    is_served = settings.run_mode == "pod" and settings.pod.id and settings.port
    url = f"https://{settings.pod.id}-{settings.port}.proxy.runpod.net" if is_served else None
    return {"public_url": url, "session_id": None, "version": settings.version, "worker_id": settings.worker_id}


def _must_work() -> None:
    # Nobody should pay for holding a worker that can do nothing.
    if PROCESS.startup_failure is not None:
        raise PROCESS.startup_failure


def _wakeup(values: dict, context: JobContext) -> dict:
    _must_work()
    return {"success": True, **_place(context)}


def _ready(values: dict, context: JobContext) -> dict:
    return {"ready": PROCESS.status == "healthy", **_place(context)}


def _health(values: dict, context: JobContext) -> dict:
    place = _place(context)
    return {
        "healthy": PROCESS.status == "healthy",
        "public_url": place["public_url"],
        "worker_id": place["worker_id"],
    }


def _keepalive(values: dict, context: JobContext) -> dict:
    """Holds the worker until its time is over, it is cancelled, or a shutdown comes.

    Times in seconds. A ping is a look at the worker's own health, and a progress for whoever waits for it.
    """
    duration = _seconds(values, "duration", HOLD_S)
    if duration <= 0:
        raise StudioFailure("INVALID_INPUT", detail="duration must be positive")
    # Pings cost nothing: their distance is drawn into its limits.
    interval = max(HOLD_INTERVAL_MIN_S, _seconds(values, "interval", HOLD_INTERVAL_S))
    _must_work()
    place = _place(context)
    shown = {key: place[key] for key in ("public_url", "session_id", "worker_id")}
    pings = failures = 0
    with _HOLD.of(context.job_id) as ended:
        start = _now()
        while not ended.is_set() and (left := duration - (_now() - start)) > 0:
            pings += 1
            failures += PROCESS.status != "healthy"
            percent = 100 * (duration - left) / duration
            context.progress("holding", percent, f"The worker is held for another {left:.0f} s", **shown)
            _wait(min(interval, left), ended, context.check_cancelled)
    return {
        "success": True,
        "public_url": place["public_url"],
        "worker_id": place["worker_id"],
        "pings": pings,
        "failures": failures,
        "duration": duration,
        "interval": interval,
    }


def _shutdown(values: dict, context: JobContext) -> dict:
    """The platform ends its workers itself; what a worker can end is a hold."""
    end_hold()
    return {"success": True, "message": "Shutdown acknowledged", "worker_id": context.settings.worker_id}


def _seconds(values: dict, name: str, default: int) -> int | float:
    value = values.get(name)
    if value is None:
        return default
    # NaN is not below the limit either.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value <= EXECUTION_TIMEOUT_MAX_S:
        detail = f"'{name}' is {str(value)[:60]!r}; it must be a number of seconds up to {EXECUTION_TIMEOUT_MAX_S}."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return value


_now = time.monotonic


def _wait(seconds: float, ended: threading.Event, check_cancelled: Callable[[], None]) -> None:
    until = _now() + seconds
    while (rest := until - _now()) > 0:
        check_cancelled()
        if ended.wait(min(rest, LOOK_S)):
            return


ACTIONS: dict[str, Callable[[dict, JobContext], dict]] = {
    "wakeup": _wakeup,
    "ready": _ready,
    "health": _health,
    "keepalive": _keepalive,
    "shutdown": _shutdown,
}
