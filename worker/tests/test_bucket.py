"""Buckets: where endpoint, name and region stand in the addresses of the usual servers."""

import pytest

from studio.bucket import BucketError, bucket_of_job, read_bucket, secrets_of
from studio.failures import StudioFailure
from studio.settings import Settings, SettingsError

KEYS = {"accessId": "planted-id", "accessSecret": "planted-secret"}
R2 = "0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com"


@pytest.mark.parametrize(
    ("endpoint", "name", "expected"),
    [
        ("https://s3.eu-west-1.amazonaws.com", "b", ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://my.b.s3.eu-west-1.amazonaws.com", None, ("https://s3.eu-west-1.amazonaws.com", "my.b", "eu-west-1")),
        ("https://bb1.s3.amazonaws.com/", "bb1", ("https://s3.amazonaws.com", "bb1", "us-east-1")),
        (f"https://{R2}/pictures", None, (f"https://{R2}", "pictures", "us-east-1")),
        (f"https://pictures.{R2}", None, (f"https://{R2}", "pictures", "us-east-1")),
        ("https://bb1.nyc3.digitaloceanspaces.com", None, ("https://nyc3.digitaloceanspaces.com", "bb1", "us-east-1")),
        (
            "https://s3.eu-central-003.backblazeb2.com",
            "b1",
            ("https://s3.eu-central-003.backblazeb2.com", "b1", "eu-central-003"),
        ),  # noqa: E501
        ("https://s3api-eu-ro-1.runpod.io", "vol1", ("https://s3api-eu-ro-1.runpod.io", "vol1", "EU-RO-1")),
        ("http://minio:9000", "b1", ("http://minio:9000", "b1", "us-east-1")),
        ("http://minio:9000/b1", "b1", ("http://minio:9000", "b1", "us-east-1")),
        ("https://example.com/s3", "b1", ("https://example.com/s3", "b1", "us-east-1")),
    ],
)
def test_place_and_region(endpoint, name, expected):
    bucket = read_bucket(KEYS | {"endpointUrl": endpoint} | ({"bucketName": name} if name else {}))
    assert (bucket.endpoint, bucket.name, bucket.region) == expected
    assert "planted" not in repr(bucket)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"endpointUrl": "https://example.com"},
            "'bucketName' is missing, and the endpoint does not name",
        ),
        ({"bucketName": "b"}, "'endpointUrl' is missing"),
        ({"endpointUrl": "ftp://example.com/b"}, "'endpointUrl' must be an address that begins with"),
        ({"endpointUrl": "https://u:p@example.com/b"}, "'endpointUrl' must not hold a user, a password or a query"),
        ({"endpointUrl": "https://example.com:99999/b"}, "'endpointUrl' is not an address"),
        ({"endpointUrl": "https://example.com/b", "pathPrefix": "a/../../b"}, "'pathPrefix' must not lead upwards"),
        ({"endpointUrl": "https://example.com/b", "linkExpiry": 30}, "'linkExpiry' must be whole seconds from 60 to"),
        ({"endpointUrl": "https://example.com/b", "accessSecret": 7}, "'accessSecret' must be text"),
    ],
)
def test_what_cannot_be_used_is_named(values, sentence):
    with pytest.raises(BucketError) as refused:
        read_bucket(KEYS | values)
    assert str(refused.value).startswith(sentence) and "planted" not in str(refused.value)
    with pytest.raises(StudioFailure, match="INVALID_INPUT") as failed:
        bucket_of_job(KEYS | values)
    assert f"'s3Config' cannot be used: {sentence}" in str(failed.value)


def test_a_job_without_a_bucket_and_one_with_nonsense():
    assert bucket_of_job(None) is None and bucket_of_job({}) is None
    with pytest.raises(StudioFailure, match="'s3Config' cannot be used: it must be an object"):
        bucket_of_job("planted-secret")
    assert secrets_of(KEYS | {"bucketName": "b"}) == ("planted-id", "planted-secret")
    assert secrets_of([1]) == () and secrets_of({"accessId": 3}) == ()


def test_the_environment_names_a_bucket_by_its_variables():
    environment = {
        "ALLOW_NO_AUTH": "1",
        "BUCKET_ENDPOINT_URL": "https://example.com/b",
        "BUCKET_ACCESS_KEY_ID": "planted-id",
        "BUCKET_SECRET_ACCESS_KEY": "planted-secret",
        "BUCKET_LINK_EXPIRY_S": "3600",
    }
    settings = Settings.from_environment(environment)
    assert (settings.bucket.name, settings.bucket.link_expiry_s, settings.bucket.trusted) == ("b", 3600, True)
    assert "planted" not in repr(settings) + str(settings.public())
    with pytest.raises(SettingsError, match="The storage cannot be used: BUCKET_SECRET_ACCESS_KEY is missing"):
        Settings.from_environment(environment | {"BUCKET_SECRET_ACCESS_KEY": ""})


def test_private_addresses_are_open_only_to_a_worker_that_only_its_own_machine_reaches():
    for environment, allowed in (
        ({"HOST": "127.0.0.1"}, True),
        ({}, False),
        ({"ALLOW_PRIVATE_ADDRESSES": "1"}, True),
        ({"HOST": "127.0.0.1", "ALLOW_PRIVATE_ADDRESSES": "0"}, False),
        ({"HOST": "127.0.0.1", "RUN_MODE": "serverless"}, False),
    ):
        assert Settings.from_environment({"ALLOW_NO_AUTH": "1"} | environment).allow_private is allowed


def test_the_words_of_the_platforms_own_library_are_read_too():
    bucket = read_bucket(
        KEYS | {"endpointUrl": "https://s3api-eu-ro-1.runpod.io/vol1", "objectPath": "shop", "region": "auto"}
    )
    assert (bucket.prefix, bucket.region) == ("shop/", "EU-RO-1")
    assert read_bucket(KEYS | {"endpointUrl": "http://minio:9000/b1", "region": "local"}).region == "local"
