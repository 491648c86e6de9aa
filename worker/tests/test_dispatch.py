"""From input to output: the parts that no process is needed for."""

import logging

import pytest

from studio import dispatch, logs
from studio.context import JobContext
from studio.contract.routes import ROUTES
from studio.delivery import deliver, measure
from studio.failures import Cancelled, StudioFailure
from studio.input import read_input
from studio.process import ProcessState
from studio.settings import Settings


@pytest.fixture
def process(monkeypatch):
    state = ProcessState()
    monkeypatch.setattr(dispatch, "PROCESS", state)
    return state


class Route:
    """A route that does what it was given."""

    def __init__(self, does):
        self.does = does

    def run(self, input, context):
        return self.does(input, context)


@pytest.fixture
def run(monkeypatch, process):
    def run_with(does, settings=None, is_cancelled=lambda: False):
        monkeypatch.setattr(dispatch, "_route", lambda name: Route(does))
        context = JobContext("job-1", settings or Settings(), is_cancelled=is_cancelled)
        return dispatch.run_job({"route": "create", "prompt": "x"}, context)

    return run_with


def refusal(job_input: object) -> str:
    with pytest.raises(StudioFailure) as refused:
        read_input(job_input)
    return str(refused.value)


def test_routes_on_disk_are_those_of_the_contract(process):
    dispatch.check_start(Settings(model_set="demo"))
    assert process.startup_failure is None and process.status == "healthy"


def test_a_route_without_a_file_is_remembered_and_answered(process, monkeypatch):
    monkeypatch.setitem(ROUTES, "depth", ROUTES["create"])
    dispatch.check_start(Settings(model_set="demo"))
    assert process.status == "unhealthy"
    with pytest.raises(StudioFailure, match="BACKEND_NOT_READY"):
        dispatch.run_job({"route": "create", "prompt": "x"}, JobContext("a", Settings()))


def test_the_first_job_is_cold_and_health_does_not_warm_up(run, process):
    dispatch.run_job("health", JobContext("h", Settings(model_set="demo")))
    outputs = [run(lambda input, context: {}) for _ in range(2)]
    assert [output["meta"]["cold_start"] for output in outputs] == [True, False]


def test_what_a_route_says_in_meta_is_kept(run):
    meta = run(lambda input, context: {"meta": {"queue": 3, "job_id": "other"}})["meta"]
    assert meta["queue"] == 3 and meta["job_id"] == "job-1"


def test_the_size_is_that_of_the_bytes_on_the_wire():
    assert measure({"a": "ä€"}) == len('{"a": "ä€"}'.encode())
    context = JobContext("a", Settings(max_inline_mb=0.1))
    assert deliver({"a": "x" * 99_990}, None, context, None)[1] == 99_999
    with pytest.raises(StudioFailure, match="RESULT_TOO_LARGE"):
        deliver({"a": "x" * 99_991 + "ä" * 5}, None, context, None)


@pytest.mark.parametrize("value", [float("inf"), b"x", object(), {1, 2}, [float("-inf")]])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(StudioFailure, match="JOB_FAILED"):
        measure({"a": {"b": value}})


FAULTS = {
    "an exception": lambda: 1 / 0,
    "memory": lambda: (_ for _ in ()).throw(MemoryError()),
    "NaN": lambda: {"score": float("nan")},
    "bytes": lambda: {"image": b"raw"},
    "an object": lambda: {"image": object()},
    "a reserved key": lambda: {"error": "no"},
    "too much": lambda: {"text": "x" * 8_000_000},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_route_fails_with_code_and_sentence_whatever_is_wrong_in_it(monkeypatch, process, route, fault):
    monkeypatch.setattr(dispatch, "_route", lambda name: Route(lambda input, context: FAULTS[fault]()))
    given = {"prompt": "x", "images": ["aGk="]}
    job_input = {"route": route} | {name: given[name] for name in given if name in ROUTES[route].input.model_fields}
    if route == "caption":
        del job_input["prompt"]
    with pytest.raises(StudioFailure) as failed:
        dispatch.run_job(job_input, JobContext("job-1", Settings()))
    codes = {"memory": "OUT_OF_MEMORY", "too much": "RESULT_TOO_LARGE"}
    assert str(failed.value).startswith(codes.get(fault, "JOB_FAILED") + ": ")
    assert "Traceback" not in str(failed.value)


def test_a_traceback_is_shown_only_with_debug(run):
    def fail(input, context):
        raise ValueError("odd")

    for debug in (False, True):
        with pytest.raises(StudioFailure) as failed:
            run(fail, Settings(debug=debug))
        assert ("Traceback" in str(failed.value)) is debug
        assert str(failed.value).startswith("JOB_FAILED: Job failed: ValueError: odd.")


def test_a_cancelled_job_is_no_failure(run):
    with pytest.raises(Cancelled):
        run(lambda input, context: context.check_cancelled(), is_cancelled=lambda: True)


def test_aliases_are_replaced_before_the_check():
    assert read_input({"route": "create", "prompt": "x", "scheduler": "dpm"})[1].scheduler == "edm_dpm"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"width": 100}, "'width' is 100; it must be a whole number from 256 to 2048, a multiple of 8."),
        ({"width": 257}, "'width' is 257; it must be a whole number from 256 to 2048, a multiple of 8."),
        ({"steps": True}, "'steps' is true; it must be a whole number from 1 to 150."),
        ({"steps": "25"}, "'steps' is '25'; it must be a whole number from 1 to 150."),
        ({"cfg_scale": float("nan")}, "'cfg_scale' is NaN; it must be a number from 0 to 30."),
        ({"scheduler": "x"}, "'scheduler' is 'x'; it must be one of 'auto', 'edm_dpm', 'edm_euler', 'euler'."),
        ({"prompt": "  "}, "'prompt' is '  '; it must be text of 1 to 4000 characters that is not blank."),
        ({"prompt": "é" * 4001}, "'prompt' is 'éééé"),
        ({"stepz": 5}, "'stepz' is not a parameter of create; it takes 'route', 'prompt', "),
    ],
)
def test_bad_input_names_parameter_value_and_limits(values, sentence):
    text = refusal({"route": "create", "prompt": "x"} | values)
    assert text.startswith(f"INVALID_INPUT: {sentence}") and len(text) < 500


def test_every_fault_gets_its_sentence():
    text = refusal({"route": "create", "width": 1, "steps": 0})
    assert "'prompt' is missing" in text and "'width' is 1;" in text and "'steps' is 0;" in text


@pytest.mark.parametrize("job_input", [None, 3, [], {"route": 3}, {"route": None}, {}, "nix"])
def test_input_without_a_valid_route(job_input):
    assert refusal(job_input).startswith(("INVALID_ROUTE: Invalid route: '", "INVALID_INPUT: 'input' is "))


def test_log_lines_begin_with_the_route(run):
    logs.start_log(Settings(secrets=("hush",)))
    try:

        def speak(input, context):
            logging.getLogger("studio.engines").info("hush %s", "A" * 1000)
            return {}

        run(speak)
        lines = logs.tail()
        assert "[CREATE] info: *** <1000 characters>" in lines
        assert lines[-1].startswith("[CREATE] info: job job-1 finished in ")
    finally:
        logging.getLogger().handlers = []
