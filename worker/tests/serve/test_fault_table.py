"""What goes wrong on the worker, and what is heard of it: a real worker on real libraries, disturbed from outside.

Every row also holds what holds always: the job ends with a code and a sentence or not at all, the log names the
failure, no file of a job stays, and the next job is served. FAULT_TABLE=1 prints the table.
"""

import base64
import json
import os
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from studio.manifest import SETS
from tests.serve.workers import HANDLER, PodWorker, ServerlessWorker

pytestmark = pytest.mark.slow

TABLE: list[dict] = []
# Less than any tile needs, and enough for the server beside it.
LITTLE_BYTES = 64 * 2**20


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    if os.environ.get("FAULT_TABLE"):
        for row in TABLE:
            print("| " + " | ".join(row.values()) + " |")


def start(kind, folder: Path, **environment):
    return kind(script=HANDLER, TEMP_ROOT=str(folder / "jobs"), ALLOW_PRIVATE_ADDRESSES="1", **environment)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """The demo set with a low limit for results; its libraries are loaded."""
    folder = tmp_path_factory.mktemp("faults")
    started = start(PodWorker, folder, MAX_INLINE_MB="0.2")
    assert "output" in started.finished(small()) and "output" in started.finished(upscale(32))
    yield started
    started.close()
    assert list(folder.glob("jobs/*")) == []


def small(**values) -> dict:
    return {
        "route": "create",
        "prompt": "a cat on a yellow background",
        "width": 256,
        "height": 256,
        "steps": 2,
    } | values


def upscale(edge: int, **values) -> dict:
    pixels = np.random.default_rng(1).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    image = base64.b64encode(buffer.getvalue()).decode()
    return {"route": "upscale", "images": [image], "upscale_factor": 1, "use_tiled_upscale": False} | values


def told(worker, fault: str, job_input: dict) -> str:
    """The error of a job that has to fail, after what holds for every failure was checked."""
    job_id = worker.submit(job_input)
    outcome = worker.outcome(job_id)
    assert set(outcome) == {"error"}, outcome
    error = outcome["error"]
    code, _, sentence = error.partition(": ")
    assert code.isupper() and len(sentence) > 20 and "Traceback" not in error
    route = job_input["route"].upper()
    assert any(line.startswith(f"[{route}] error: job {job_id} failed: {code}: ") for line in worker.process.lines)
    note(fault, f"FAILED, `{code}`", sentence)
    return error


def note(fault: str, state: str, sentence: str) -> None:
    TABLE.append({"fault": fault, "state": state, "sentence": sentence})


def is_served(worker, folder: Path | None = None) -> None:
    """The worker makes the next image, and nothing of any job is left on its disk."""
    assert worker.finished(small())["output"]["route"] == "create"
    if folder is not None:
        assert list(folder.glob("jobs/*")) == []


def test_nothing_goes_wrong(worker):
    is_served(worker)
    note("nothing", "COMPLETED", "")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_memory_runs_out(worker):
    process = psutil.Process(worker.process.pid)
    whole = resource.prlimit(process.pid, resource.RLIMIT_AS)
    # Before, so that the limit meets the work and not the first use of a library.
    job = upscale(1024, output_format="jpeg", quality=10)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (process.memory_info().vms + LITTLE_BYTES, whole[1]))
    try:
        error = told(worker, "no memory is left, not even for tiles of 256 pixels", job)
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_AS, whole)
    assert error.startswith("OUT_OF_MEMORY: Out of memory. Turn on Tiled Upscale or use a GPU with more memory.")
    is_served(worker)


def test_the_result_is_too_large(worker):
    error = told(
        worker,
        "the result is larger than the limit, without storage",
        small(width=1024, height=1024, output_format="png"),
    )
    assert error.startswith("RESULT_TOO_LARGE: The result is ") and "the limit is 0.2 MB" in error
    is_served(worker)


def test_a_job_is_cancelled_in_the_middle(worker):
    job_id = worker.submit(small(steps=150))
    worker.wait_for_progress(job_id)
    worker.cancel(job_id)
    is_served(worker)
    reply = worker.http.get(f"/status/{job_id}").json()
    assert reply["status"] == "CANCELLED" and not {"output", "error"} & set(reply)
    assert any(line.endswith(f"job {job_id} was cancelled") for line in worker.process.lines)
    note("cancelled between two steps", "CANCELLED", "no result, no error; the next job begins at the next step")


def test_the_weights_are_missing(tmp_path):
    worker = start(PodWorker, tmp_path, MODEL_SET="core", VOLUME_ROOT=str(tmp_path), WAIT_FOR_ASSETS_SECONDS="0")
    try:
        error = told(worker, "the model is nowhere", small())
        assert error.startswith(
            "ASSET_MISSING: Missing model file 'playground-v2.5-1024px-aesthetic'. Put it at one of"
        )
        assert str(tmp_path / "models/playground-v2.5-1024px-aesthetic") in error
        health = worker.http.get("/health").json()
        assert health["engines"]["diffusion"].startswith("ASSET_MISSING")
    finally:
        worker.close()


def test_the_weights_come_late(tmp_path):
    name = "upscaler/studio-demo-x4.safetensors"
    whole = (SETS / "../demo_set/weights" / name).resolve().read_bytes()
    manifest = json.loads((SETS / "demo.json").read_text(encoding="utf-8"))
    manifest["baked"] = str((SETS / manifest["baked"]).resolve())
    manifest["upscalers"]["art"]["path"] = "late.safetensors"
    (tmp_path / "late.json").write_text(json.dumps(manifest), encoding="utf-8")
    worker = start(PodWorker, tmp_path, MODEL_SET=str(tmp_path / "late.json"), VOLUME_ROOT=str(tmp_path))
    try:
        job_id = worker.submit(upscale(32, upscale_model="art"))
        worker.wait_for_progress(job_id, "Waiting for late.safetensors, at most ")
        (tmp_path / "models").mkdir()
        # As a whole, like a copy that takes its name when it is done.
        (tmp_path / "late").write_bytes(whole)
        (tmp_path / "late").rename(tmp_path / "models/late.safetensors")
        assert worker.outcome(job_id)["output"]["route"] == "upscale"
        note("the weights come while the worker is young", "COMPLETED", "its progress says for what it waits")
    finally:
        worker.close()


class WrongBytes(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    def log_message(self, *values):
        pass


@pytest.fixture
def server():
    """Answers every request with the same bytes."""
    stub = ThreadingHTTPServer(("127.0.0.1", 0), WrongBytes)
    threading.Thread(target=stub.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{stub.server_address[1]}/weights"
    stub.shutdown()
    stub.server_close()


def test_weights_are_cut_off_or_have_another_hash(tmp_path, server):
    whole = (SETS / "../demo_set/weights/upscaler/studio-demo-x4.safetensors").resolve().read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    manifest = json.loads((SETS / "demo.json").read_text(encoding="utf-8"))
    manifest["baked"] = str((SETS / manifest["baked"]).resolve())
    manifest["upscalers"]["art"]["path"] = str(tmp_path / "cut.safetensors")
    name = manifest["upscalers"]["conservative"]["path"] = "upscale_models/fetched.safetensors"
    manifest["files"]["fetched"] = [{"url": server, "filename": name, "sha256": "0" * 64, "license": "MIT"}]
    (tmp_path / "changed.json").write_text(json.dumps(manifest), encoding="utf-8")
    volume = tmp_path / "volume"
    settings = {"MODEL_SET": str(tmp_path / "changed.json"), "ALLOW_DOWNLOAD": "1", "VOLUME_ROOT": str(volume)}
    worker = start(PodWorker, tmp_path, **settings)
    try:
        error = told(worker, "a file of weights ends in the middle", upscale(32, upscale_model="art"))
        assert error.startswith(f"JOB_FAILED: Job failed: the weights in {tmp_path}/cut.safetensors are damaged (")
        hashed = upscale(32, upscale_model="conservative")
        error = told(worker, "fetched weights have another hash than the set names", hashed)
        assert error.startswith(f"NETWORK: '{name}' could not be fetched from {server}: its SHA-256 is ")
        assert [path for path in volume.rglob("*") if path.is_file()] == []
        is_served(worker, tmp_path)
    finally:
        worker.close()


def test_the_process_is_killed_in_the_middle_on_an_endpoint(tmp_path):
    worker = start(ServerlessWorker, tmp_path)
    try:
        job_id = worker.submit(small(steps=150))
        worker.wait_for_progress(job_id)
        worker.process.kill()
        # Nobody speaks for the job any more: no result, and above all no success.
        assert worker.queue.results(job_id) == []
    finally:
        worker.close()
    note("killed in the middle, on an endpoint", "nothing is sent", "RunPod notices the missing sign of life")


def test_the_process_is_killed_in_the_middle_in_a_pod(tmp_path):
    worker = start(PodWorker, tmp_path)
    job_id = worker.submit(small(steps=150))
    worker.wait_for_progress(job_id)
    worker.process.kill()
    with pytest.raises(httpx.TransportError):
        worker.http.get(f"/status/{job_id}")
    worker.close()
    again = start(PodWorker, tmp_path)
    try:
        reply = again.http.get(f"/status/{job_id}")
        assert reply.status_code == 404
        is_served(again)
    finally:
        again.close()
    note("killed in the middle, in a Pod", "connection refused, later 404", "the job is not run again by itself")
