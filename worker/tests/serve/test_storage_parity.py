"""Results that go to storage: the same on both servers, and no key is ever told."""

from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.serve.workers import PodWorker, ServerlessWorker

JOBS_ID, JOBS_SECRET = "planted-job-id", "planted-job-secret"
OWN_ID, OWN_SECRET = "planted-own-id", "planted-own-secret"


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    for name in ("own", "jobs"):
        client.create_bucket(Bucket=name)
    yield address
    server.stop()


@pytest.fixture(scope="module", params=[PodWorker, ServerlessWorker])
def worker(request, endpoint):
    started = request.param(
        BUCKET_ENDPOINT_URL=f"{endpoint}/own",
        BUCKET_ACCESS_KEY_ID=OWN_ID,
        BUCKET_SECRET_ACCESS_KEY=OWN_SECRET,
        BUCKET_LINK_EXPIRY_S="600",
        MAX_INLINE_MB="1",
        ALLOW_PRIVATE_ADDRESSES="1",
        # Whatever is said at the most talkative level must not hold a key either.
        LOG_LEVEL="DEBUG",
        DEBUG="1",
    )
    yield started
    started.close()


def create(prompt: str, **more: object) -> dict:
    return {"route": "create", "prompt": prompt, **more}


def of_job(endpoint: str, **more: str) -> dict:
    config = {"accessId": JOBS_ID, "accessSecret": JOBS_SECRET, "bucketName": "jobs", "endpointUrl": endpoint, **more}
    return {"s3Config": config}


def test_a_large_result_becomes_a_link_by_itself_and_a_small_one_does_not(worker):
    output = worker.finished(create("picture 1.5"))["output"]
    assert "image" not in output and urlsplit(output["image_url"]).path.startswith("/own/runpod-studio/")
    picture = httpx.get(output["image_url"], trust_env=False)
    assert picture.headers["content-type"] == "image/png" and len(picture.content) > 1_000_000
    small = worker.finished(create("picture 0.1"))["output"]
    assert "image" in small and "image_url" not in small


def test_links_come_on_wish_and_the_jobs_bucket_goes_before_the_workers(worker, endpoint):
    wanted = create("picture 0.1", output="url")
    own = worker.finished(wanted)["output"]["image_url"]
    job_id = worker.submit(wanted, **of_job(endpoint))
    jobs = worker.outcome(job_id)["output"]["image_url"]
    assert urlsplit(own).path.startswith("/own/")
    assert urlsplit(jobs).path == f"/jobs/runpod-studio/{job_id}/image.png"
    assert httpx.get(jobs, trust_env=False).status_code == 200


def test_no_secret_is_told_whatever_happens(worker, endpoint):
    told = []
    for prompt, more in (
        ("picture 1.5", of_job(endpoint, bucketName="nonesuch")),
        ("picture 1.5", of_job("http://127.0.0.1:1")),
        ("picture 1.5", of_job("https://169.254.169.254")),
        ("picture 1.5", of_job(endpoint, endpointUrl=f"{endpoint}/?{JOBS_SECRET}")),
        (f"raise {JOBS_SECRET} {JOBS_ID} {OWN_SECRET}", of_job(endpoint)),
        (f"speak {JOBS_SECRET} {JOBS_ID} {OWN_SECRET}", of_job(endpoint)),
        ("picture 1.5", of_job(endpoint)),
    ):
        told.append(worker.outcome(worker.submit(create(prompt), **more)))
    codes = [outcome.get("error", "none").partition(":")[0] for outcome in told]
    assert codes == ["UPLOAD_FAILED", "UPLOAD_FAILED", "INVALID_INPUT", "INVALID_INPUT", "JOB_FAILED", "none", "none"]
    assert "leads into a network that the worker keeps out of" in told[2]["error"]
    told.append(worker.finished({"route": "health", "diagnostics": True}))
    # Not of those that succeeded: a link that expires names the public half of the key, and the prompt comes back.
    everything = str(told[:5]) + str(told[-1]) + worker.process.output
    assert [word for word in (JOBS_ID, JOBS_SECRET, OWN_SECRET, OWN_ID) if word in everything] == []
    assert JOBS_SECRET not in str(told[6])
    assert any("[CREATE] warning: *** *** ***" in line for line in worker.process.lines)


def test_without_storage_a_wish_for_links_is_refused_before_the_work():
    worker = PodWorker()
    try:
        outcome = worker.finished(create("raise never reached", output="url"))
        assert outcome["error"].startswith("INVALID_INPUT: 'output' is 'url', but there is no storage: send 's3Config'")
    finally:
        worker.close()
