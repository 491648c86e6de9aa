"""Inputs that name an action: the exact shapes of the protocol, and the life of a hold."""

import threading

import pytest

from studio import actions, dispatch
from studio.actions import is_action
from studio.context import JobContext
from studio.failures import Cancelled, StudioFailure
from studio.pod import Pod
from studio.process import ProcessState
from studio.settings import Settings

LONG_S = 30
IN_POD = Settings(run_mode="pod", pod=Pod(id="pod7"), worker_id="pod7", version="9.9.9")
URL = "https://pod7-8000.proxy.runpod.net"


@pytest.fixture(autouse=True)
def process(monkeypatch):
    """A process that has started well."""
    state = ProcessState()
    state.ready.set()
    monkeypatch.setattr(dispatch, "PROCESS", state)
    monkeypatch.setattr(actions, "PROCESS", state)
    return state


class Clock:
    """Time that passes by waiting alone. `at(seconds, do)` does something on the way."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        self._events: list[tuple[float, object]] = []
        monkeypatch.setattr(actions, "_now", lambda: self.now)
        monkeypatch.setattr(actions, "_wait", self._wait)

    def at(self, seconds, do):
        self._events.append((self.now + seconds, do))

    def _wait(self, seconds, ended, check_cancelled):
        end = self.now + seconds
        for event in [event for event in self._events if event[0] <= end]:
            self._events.remove(event)
            self.now = event[0]
            event[1]()
            check_cancelled()
            if ended.is_set():
                return
        self.now = end


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def run(values: dict, settings: Settings = IN_POD, job_id: str = "job-1", **more) -> dict:
    return dispatch.run_job(values, JobContext(job_id, settings, **more))


def refusal(values: dict) -> str:
    with pytest.raises(StudioFailure) as refused:
        run(values)
    return str(refused.value)


PLACE = {"public_url": URL, "session_id": None, "version": "9.9.9", "worker_id": "pod7"}


@pytest.mark.parametrize(
    ("action", "reply"),
    [
        ("wakeup", {"success": True, **PLACE}),
        ("ready", {"ready": True, **PLACE}),
        ("health", {"healthy": True, "public_url": URL, "worker_id": "pod7"}),
        ("shutdown", {"success": True, "message": "Shutdown acknowledged", "worker_id": "pod7"}),
        (" WakeUp ", {"success": True, **PLACE}),
    ],
)
def test_each_action_answers_in_exactly_its_shape(action, reply):
    assert run({"action": action, "unknown": "is ignored"}) == reply


@pytest.mark.parametrize(
    "settings",
    [
        Settings(run_mode="serverless", pod=Pod(id="w1"), worker_id="w1"),
        Settings(run_mode="pod", worker_id="local"),
    ],
    ids=["serverless: no port is served", "no Pod of the platform"],
)
def test_an_address_is_told_only_where_something_is_served(settings):
    assert run({"action": "wakeup"}, settings)["public_url"] is None


def test_a_worker_that_could_not_start_says_so_and_is_not_held(process):
    process.startup_failure = StudioFailure("BACKEND_NOT_READY", backend="the worker")
    assert run({"action": "ready"})["ready"] is False and run({"action": "health"})["healthy"] is False
    for action in ("wakeup", "keepalive"):
        assert refusal({"action": action}).startswith("BACKEND_NOT_READY: ")
    assert run({"action": "shutdown"})["success"] is True


def test_actions_warm_nothing_up(process):
    run({"action": "wakeup"})
    assert process.cold


def test_a_hold_pings_until_its_time_is_over(clock):
    told = []
    output = run({"action": "keepalive", "duration": 100, "interval": 30}, report_progress=told.append)
    expected = {"success": True, "public_url": URL, "worker_id": "pod7"}
    assert output == expected | {"pings": 4, "failures": 0, "duration": 100, "interval": 30}
    assert clock.now == 1100
    assert [progress["percent"] for progress in told] == [0, 30, 60, 90]
    assert all(progress["stage"] == "holding" and progress["message"] for progress in told)
    address = {"public_url": URL, "session_id": None, "worker_id": "pod7"}
    assert all(progress.items() >= address.items() for progress in told)


def test_a_hold_has_defaults_and_a_least_interval(clock):
    output = run({"action": "keepalive"})
    assert (output["duration"], output["interval"], output["pings"]) == (3600, 30, 120)
    output = run({"action": "keepalive", "duration": 3, "interval": 0.01})
    assert (output["interval"], output["pings"]) == (1, 3)


def test_a_ping_that_finds_the_worker_unwell_is_a_failure(clock, process):
    clock.at(40, lambda: setattr(process, "startup_failure", StudioFailure("OUT_OF_MEMORY")))
    output = run({"action": "keepalive", "duration": 90, "interval": 30})
    assert (output["pings"], output["failures"]) == (3, 1)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"duration": 0}, "INVALID_INPUT: duration must be positive. "),
        ({"duration": -5}, "INVALID_INPUT: duration must be positive. "),
        ({"duration": "60"}, "INVALID_INPUT: 'duration' is '60'; it must be a number of seconds up to 604800."),
        ({"duration": True}, "INVALID_INPUT: 'duration' is 'True'; it must be a number of seconds"),
        ({"duration": float("nan")}, "INVALID_INPUT: 'duration' is 'nan'; it must be a number of seconds"),
        ({"duration": 1e9}, "INVALID_INPUT: 'duration' is '1000000000.0'; it must be a number of seconds"),
        ({"interval": []}, "INVALID_INPUT: 'interval' is '[]'; it must be a number of seconds"),
    ],
)
def test_times_out_of_place_are_refused_before_anything_is_held(values, text):
    assert refusal({"action": "keepalive", **values}).startswith(text)


@pytest.mark.parametrize("action", ["explode", "", None, 3, ["health"]])
def test_an_unknown_action_names_the_known_ones(action):
    known = "'wakeup', 'ready', 'health', 'keepalive', 'shutdown'"
    assert refusal({"action": action}).startswith(f"INVALID_INPUT: 'action' must be one of {known}, not ")


def test_a_cancel_ends_a_hold_between_two_pings(clock):
    cancelled = threading.Event()
    clock.at(45, cancelled.set)
    with pytest.raises(Cancelled):
        run({"action": "keepalive", "duration": 3600}, is_cancelled=cancelled.is_set)
    assert clock.now == 1045
    # The worker is free for the next one.
    assert run({"action": "keepalive", "duration": 1})["success"] is True


def test_a_shutdown_ends_the_hold_of_this_worker_and_its_job_is_completed(clock):
    clock.at(45, lambda: run({"action": "shutdown"}, job_id="job-2"))
    output = run({"action": "keepalive", "duration": 3600, "interval": 30})
    assert clock.now == 1045 and output["success"] is True and output["pings"] == 2
    # What was asked before a hold began ends no later one.
    assert run({"action": "keepalive", "duration": 60, "interval": 30})["pings"] == 2


def test_a_worker_is_held_once(clock, monkeypatch):
    monkeypatch.setattr(actions, "HANDOVER_S", 0)
    seen = []
    clock.at(10, lambda: seen.append(refusal({"action": "keepalive"})))
    run({"action": "keepalive", "duration": 60}, job_id="job-1")
    assert seen == [
        "INVALID_INPUT: This worker is held by job job-1 already; cancel that one first. "
        "Correct the named field and run again."
    ]


def test_a_real_wait_hears_of_its_end_at_once():
    ended = threading.Event()
    waiting = threading.Thread(target=lambda: actions._wait(3600, ended, lambda: None), daemon=True)
    waiting.start()
    ended.set()
    waiting.join(LONG_S)
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("job_input", "wanted"),
    [
        ({"action": "health"}, True),
        ({"action": "health", "route": "create"}, False),
        ({"action": "health", "process": "initial"}, False),
        ({"action": "health", "workflow": {}}, False),
        ({"route": "health"}, False),
        ("health", False),
        (["action"], False),
    ],
)
def test_a_route_goes_before_an_action(job_input, wanted):
    assert is_action(job_input) is wanted
