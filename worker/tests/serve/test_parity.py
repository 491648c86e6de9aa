"""The same job gives the same on both servers; each test runs a real worker process of each kind."""

import pytest

from tests.serve.workers import PodWorker, ServerlessWorker


@pytest.fixture(scope="module", params=[PodWorker, ServerlessWorker])
def worker(request, tmp_path_factory):
    started = request.param(TEMP_ROOT=str(tmp_path_factory.mktemp("jobs")), MAX_INLINE_MB="1")
    yield started
    started.close()


def create(prompt: str) -> dict:
    return {"route": "create", "prompt": prompt}


def test_a_job_gives_its_output_with_job_id_and_duration(worker):
    job_id = worker.submit(create("a cat"))
    output = worker.outcome(job_id)["output"]
    assert output["prompt"] == "a cat"
    assert output["meta"]["job_id"] == job_id
    assert output["meta"]["duration_ms"] >= 0


def test_the_route_is_read_without_regard_to_case(worker):
    assert worker.finished({"route": " CREATE ", "prompt": "a cat"})["output"]["route"] == "create"


def test_the_bare_word_health_is_a_job(worker):
    assert worker.finished("health")["output"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("job_input", "start"),
    [
        ({"route": "paint"}, "INVALID_ROUTE: Invalid route: 'paint'. Must be one of 'create', "),
        ({"prompt": "x"}, "INVALID_ROUTE: Invalid route: ''. Must be one of 'create', "),
        ({"route": "create"}, "INVALID_INPUT: 'prompt' is missing; it must be text of 1 to 4000 characters"),
        (create("nan"), "JOB_FAILED: Job failed: the route returned a value that is not JSON"),
        (create("bytes"), "JOB_FAILED: Job failed: the route returned a value that is not JSON"),
        (create("reserved"), "JOB_FAILED: Job failed: the route returned the reserved key 'error'"),
        (create("large 1.2"), "RESULT_TOO_LARGE: The result is 1.3 MB; the limit is 1 MB. Choose JPEG"),
        (create("raise the cause"), "JOB_FAILED: Job failed: RuntimeError: the cause."),
        (create("memory"), "OUT_OF_MEMORY: Out of memory. "),
    ],
)
def test_failures_end_the_job_with_code_and_sentence(worker, job_input, start):
    outcome = worker.finished(job_input)
    assert outcome["error"].startswith(start)
    assert "Traceback" not in outcome["error"]
    assert "output" not in outcome


def test_cancel_stops_between_steps_and_gives_no_result(worker):
    job_id = worker.submit(create("steps 20000"))
    worker.wait_for_progress(job_id)
    worker.cancel(job_id)
    # The next job runs only when the device is free: 20000 steps would take longer than the test waits.
    assert worker.finished(create("after"))["output"]["prompt"] == "after"
    if isinstance(worker, ServerlessWorker):
        assert worker.queue.results(job_id) == []
    else:
        reply = worker.http.get(f"/status/{job_id}").json()
        assert reply["status"] == "CANCELLED" and "output" not in reply


def test_a_hold_tells_who_holds_and_a_cancel_frees_the_worker(worker):
    job_id = worker.submit({"action": "keepalive", "duration": 3600, "interval": 1})
    progress = worker.wait_for_progress(job_id)
    assert progress["stage"] == "holding" and progress["worker_id"] in ("worker1", "local")
    assert {"public_url", "session_id"} <= progress.keys()
    worker.cancel(job_id)
    assert worker.finished(create("after"))["output"]["prompt"] == "after"
    # The hold is over as well: else it would be refused as the second one.
    assert worker.finished({"action": "keepalive", "duration": 0.1})["output"]["pings"] == 1
    if isinstance(worker, ServerlessWorker):
        assert worker.queue.results(job_id) == []


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"action": "keepalive", "duration": 0}, "INVALID_INPUT: duration must be positive."),
        ({"action": "explode"}, "INVALID_INPUT: 'action' must be one of 'wakeup', "),
    ],
)
def test_an_action_that_is_refused_ends_its_job_as_failed(worker, values, start):
    outcome = worker.finished(values)
    assert outcome["error"].startswith(start) and "output" not in outcome


def test_an_actions_reply_has_the_protocols_keys_and_no_other(worker):
    assert worker.finished({"action": "wakeup"})["output"].keys() == {
        "success", "public_url", "session_id", "version", "worker_id",
    }  # fmt: skip
    name = "worker1" if isinstance(worker, ServerlessWorker) else "local"
    assert worker.finished({"action": "health"})["output"] == {"healthy": True, "public_url": None, "worker_id": name}


def test_files_of_a_job_are_gone_after_it(worker, tmp_path_factory):
    assert "output" in worker.finished(create("files"))
    folders = list(tmp_path_factory.getbasetemp().glob("jobs*"))
    assert folders and all(list(folder.iterdir()) == [] for folder in folders)


def test_log_lines_name_the_route_and_hold_no_secret_and_no_image(worker):
    outcome = worker.finished(create(f"raise {worker.secret} {'A' * 3000}"))
    assert any(line.startswith("[CREATE] error: ") for line in worker.process.lines)
    assert worker.secret not in worker.process.output
    assert worker.secret not in outcome["error"]
    assert "A" * 400 not in worker.process.output


def test_diagnostics_hold_no_secret(worker):
    output = worker.finished({"route": "health", "diagnostics": True})["output"]
    assert output["diagnostics"]["settings"]["run_mode"] in ("pod", "serverless")
    assert worker.secret not in str(output)
