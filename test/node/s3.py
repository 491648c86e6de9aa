"""A real S3 server for the node's tests, which checks every signature.

Prints its address and the key of a user who may do everything; ends with its parent's end of the pipe.
"""

import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.s3.exceptions import S3AccessDeniedError, S3SignatureDoesNotMatchError
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
address = "http://{}:{}".format(*server.get_host_and_port())
admin = {"endpoint_url": address, "aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
for name in sys.argv[1:]:
    boto3.client("s3", **admin).create_bucket(Bucket=name)
iam = boto3.client("iam", **admin)
iam.create_user(UserName="n8n")
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_user_policy(UserName="n8n", PolicyName="all", PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName="n8n")["AccessKey"]

by_header = ActionAuthenticatorMixin._authenticate_and_authorize_s3_action


def check(self, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """The server itself reads signatures in headers only; those in links are checked here, with botocore."""
    query = dict(parse_qsl(urlsplit(self.uri).query))
    if "X-Amz-Signature" not in query:
        return by_header(self, bucket_name, key_name)
    made, seconds = query["X-Amz-Date"], int(query["X-Amz-Expires"])
    ends = datetime.strptime(made, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=seconds)
    if datetime.now(UTC) > ends:
        raise S3AccessDeniedError
    region = query["X-Amz-Credential"].split("/")[2]
    auth = S3SigV4QueryAuth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "s3", region, seconds)
    rest = urlsplit(self.uri).query.partition("&X-Amz-Signature=")[0]
    request = AWSRequest(self.method, f"{address}{self.raw_path}?{rest}", {"host": urlsplit(address).netloc})
    request.context["timestamp"] = made
    if (
        auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        != query["X-Amz-Signature"]
    ):
        raise S3SignatureDoesNotMatchError


ActionAuthenticatorMixin._authenticate_and_authorize_s3_action = check
# From here on no request passes without a signature.
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(json.dumps({"url": address, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
sys.stdin.read()
server.stop()
