"""What only the serverless side has: the order of messages on the wire, and leaving without losing a job."""

import signal
import threading

import pytest

from tests.serve.workers import ServerlessWorker


@pytest.fixture(scope="module")
def worker():
    started = ServerlessWorker()
    yield started
    started.close()


def test_progress_never_arrives_after_the_result(worker):
    worker.queue.progress_delay_s = 0.5
    job_id = worker.submit({"route": "create", "prompt": "steps 8"})
    worker.queue.result(job_id)
    # A message that was on its way would arrive now.
    threading.Event().wait(1.5)
    worker.queue.progress_delay_s = 0
    kinds = [body.get("status", "result") for name, body in worker.queue.messages if name == job_id]
    assert kinds.count("result") == 1 and kinds[-1] == "result"
    assert "IN_PROGRESS" in kinds


def test_progress_has_stage_percent_and_message_and_never_goes_back(worker):
    job_id = worker.submit({"route": "create", "prompt": "steps 20"})
    worker.queue.result(job_id)
    progress = worker.queue.progress(job_id)
    assert all(set(entry) == {"stage", "percent", "message"} for entry in progress)
    percents = [entry["percent"] for entry in progress]
    assert len(percents) > 1 and percents == sorted(percents)


def test_results_are_no_stream_and_stop_no_pod(worker):
    body = worker.queue.result(worker.submit({"route": "create", "prompt": "a cat"}))
    assert body["_stream"] == ["false"]
    assert "stopPod" not in body


@pytest.fixture
def own_worker():
    """For tests that end it."""
    # The SDK left alone would wait for the end of its open requests.
    started = ServerlessWorker(hold_s=60)
    yield started
    started.close()


def test_asked_to_stop_it_finishes_its_job_and_takes_no_other(own_worker):
    job_id = own_worker.submit({"route": "create", "prompt": "steps 20"})
    own_worker.queue.wait(lambda queue: queue.progress(job_id))
    own_worker.process.ask_to_stop()
    assert "output" in own_worker.queue.result(job_id)
    assert own_worker.process.exit_code() == 0
    assert own_worker.queue.held_to_the_end == 0
    own_worker.submit({"route": "create", "prompt": "too late"})
    assert own_worker.queue.taken == [job_id]


def test_asked_to_stop_it_ends_a_hold_at_once_and_its_job_is_completed(own_worker):
    job_id = own_worker.submit({"action": "keepalive", "duration": 3600})
    own_worker.queue.wait(lambda queue: queue.progress(job_id))
    own_worker.process.ask_to_stop()
    output = own_worker.queue.result(job_id)["output"]
    assert output["success"] is True and output["duration"] == 3600 and output["pings"] == 1
    assert own_worker.process.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_while_idle_it_leaves_without_waiting_for_a_job(own_worker, number):
    own_worker.queue.result(own_worker.submit("health"))
    own_worker.process.ask_to_stop(number)
    assert own_worker.process.exit_code() == 0
    assert own_worker.queue.held_to_the_end == 0
    assert "Traceback" not in own_worker.process.output


def test_asked_twice_it_gives_its_job_up(own_worker):
    job_id = own_worker.submit({"route": "create", "prompt": "steps 5000"})
    own_worker.queue.wait(lambda queue: queue.progress(job_id))
    own_worker.process.ask_to_stop()
    own_worker.process.line("[WORKER] info: asked to stop")
    own_worker.process.ask_to_stop()
    assert own_worker.process.exit_code() == 1
    assert own_worker.queue.results(job_id) == []


def test_a_worker_that_could_not_start_answers_each_job_with_the_reason():
    worker = ServerlessWorker(MODEL_SET="nonesuch")
    try:
        outcome = worker.finished({"route": "create", "prompt": "a cat"})
        assert outcome["error"].startswith("MODEL_NOT_FOUND: Model not found: 'nonesuch'")
        assert worker.finished("health")["output"]["status"] == "unhealthy"
    finally:
        worker.close()
