"""Storage against a real S3 server: what is put there is what its link gives, until the link expires."""

import base64
import socket
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from studio.bucket import read_bucket
from studio.context import JobContext
from studio.failures import Cancelled, StudioFailure
from studio.media import addresses
from studio.media.fetch import NotReached, TooLarge
from studio.media.images import encode_image, to_base64
from studio.media.inputs import fetcher
from studio.media.storage import Storage, link_images
from studio.settings import Settings

KEYS = {"accessId": "planted-id", "accessSecret": "planted-secret", "bucketName": "pictures"}


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client(address).create_bucket(Bucket="pictures")
    yield address
    server.stop()


def client(address: str):
    return boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )


def storage(address: str, allow_private: bool = True, **more) -> Storage:
    return Storage(read_bucket(KEYS | {"endpointUrl": address} | more), allow_private)


def picture(shade: int, output_format: str = "jpeg") -> str:
    return to_base64(encode_image(np.full((8, 8, 3), shade, np.uint8), output_format))


def test_a_link_gives_the_bytes_and_their_type_and_expires_when_it_was_told_to(endpoint):
    link = storage(endpoint, linkExpiry=90).put("job-1/image.png", b"bytes", "image/png")
    reply = httpx.get(link, trust_env=False)
    assert (reply.content, reply.headers["content-type"]) == (b"bytes", "image/png")
    assert urlsplit(link).path == "/pictures/runpod-studio/job-1/image.png"
    query = parse_qs(urlsplit(link).query)
    assert query["X-Amz-Expires"] == ["90"] and "X-Amz-Signature" in query
    assert "planted-secret" not in link


def test_a_public_address_stands_for_the_bucket(endpoint):
    made = storage(endpoint, publicBaseUrl="https://cdn.example.com/", pathPrefix="a b")
    assert made.put("x.jpg", b"x", "image/jpeg") == "https://cdn.example.com/a%20b/x.jpg"


def test_every_image_of_an_output_becomes_a_link(endpoint):
    seen = []
    images = [
        {"id": f"img_000_0{n}", "image": picture(n * 90, kind), "seed": n} for n, kind in enumerate(("png", "webp"))
    ]
    output = {"route": "create", "images": images, "metadata": {}}
    made = link_images(output, storage(endpoint), "job-2", lambda done, total: seen.append((done, total)))
    assert [urlsplit(entry["url"]).path.rsplit("/", 1)[1] for entry in made["images"]] == [
        "img_000_00.png",
        "img_000_01.webp",
    ]
    for before, after in zip(images, made["images"], strict=True):
        assert httpx.get(after["url"], trust_env=False).content == base64.b64decode(before["image"])
        assert set(after) == {"id", "url", "seed"}
    assert seen == [(0, 2), (1, 2)] and "image" in output["images"][0]
    only = link_images({"image": picture(3)}, storage(endpoint), "job-3", lambda done, total: None)
    assert list(only) == ["image_url"] and urlsplit(only["image_url"]).path.endswith("/job-3/image.jpg")


def test_a_cancelled_job_stores_nothing_more(endpoint):
    def stop(done, total):
        raise Cancelled("job-4")

    with pytest.raises(Cancelled):
        link_images({"image": picture(1)}, storage(endpoint), "job-4", stop)
    assert client(endpoint).list_objects_v2(Bucket="pictures", Prefix="runpod-studio/job-4")["KeyCount"] == 0


def test_what_the_bucket_says_is_told_without_the_keys(endpoint):
    with pytest.raises(StudioFailure) as failed:
        storage(endpoint, bucketName="nonesuch").put("x.jpg", b"x", "image/jpeg")
    assert str(failed.value).startswith("UPLOAD_FAILED: The upload to the bucket failed: NoSuchBucket: ")
    with pytest.raises(StudioFailure) as failed:
        # Nothing listens at port 1.
        storage("http://127.0.0.1:1").put("x.jpg", b"x", "image/jpeg")
    assert str(failed.value).startswith("UPLOAD_FAILED: The upload to the bucket failed: EndpointConnectionError at ")
    assert "planted" not in str(failed.value)


def job(address: str, **more) -> JobContext:
    settings = Settings.from_environment({"ALLOW_NO_AUTH": "1", "ALLOW_PRIVATE_ADDRESSES": "1"})
    return JobContext("job-5", settings, s3_config=KEYS | {"endpointUrl": address} | more)


def test_an_address_in_the_jobs_own_bucket_is_opened_with_its_key(endpoint):
    storage(endpoint).put("inputs/a b.png", b"nine bytes", "image/png")
    address = f"{endpoint}/pictures/runpod-studio/inputs/a%20b.png"
    assert httpx.get(address, trust_env=False).status_code == 403
    get = fetcher(job(endpoint))
    assert get(address, 10) == b"nine bytes"
    with pytest.raises(TooLarge) as large:
        get(address, 5)
    assert large.value.size == 10
    with pytest.raises(NotReached, match="the bucket answered NoSuchKey"):
        get(f"{endpoint}/pictures/nothing.png", 9)
    # Another bucket is none of the key's, and a link that is signed opens by itself.
    with pytest.raises(NotReached, match="the server answered"):
        get(f"{endpoint}/pictures-2/runpod-studio/x.png", 9)
    with pytest.raises(NotReached, match="the server answered"):
        fetcher(JobContext("job-6", job(endpoint).settings))(address, 10)
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 's3Config' cannot be used"):
        fetcher(job("ftp://127.0.0.1"))


def test_a_bucket_that_a_job_names_inside_the_network_is_refused(endpoint):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 's3Config' cannot be used: 'endpointUrl': its host"):
        storage(endpoint, allow_private=False).put("x.jpg", b"x", "image/jpeg")
    trusted = Storage(read_bucket(KEYS | {"endpointUrl": endpoint}, trusted=True), allow_private=False)
    assert trusted.put("x.jpg", b"x", "image/jpeg").startswith(endpoint)


def test_a_bucket_whose_name_changes_between_check_and_connection_gets_nothing(endpoint, monkeypatch):
    port = int(endpoint.rsplit(":", 1)[1])
    real, asked = socket.getaddrinfo, []

    def changing(host, port, *values, **options):
        if host != "changing.example":
            return real(host, port, *values, **options)
        asked.append(host)
        address = "1.1.1.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    with pytest.raises(StudioFailure, match="UPLOAD_FAILED: .*leads into a network that the worker keeps out of"):
        storage(f"http://changing.example:{port}", allow_private=False).put("changing.png", b"x", "image/png")
    assert len(asked) > 1
    found = client(endpoint).list_objects_v2(Bucket="pictures").get("Contents", [])
    assert not [entry for entry in found if entry["Key"].endswith("changing.png")]
