"""The worker's half of a storage: what it does with the bucket and the link that a job brings along."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "worker"))

from studio.bucket import bucket_of_job
from studio.context import JobContext
from studio.media.inputs import fetcher
from studio.media.storage import Storage
from studio.settings import Settings

job = json.load(sys.stdin)
put = Storage(bucket_of_job(job["s3Config"]), allow_private=True).put
stored = put("job-1/image.png", b"by the worker", "image/png")
settings = Settings.from_environment({"ALLOW_NO_AUTH": "1", "ALLOW_PRIVATE_ADDRESSES": "1"})
get = fetcher(JobContext("job-1", settings, s3_config=job["s3Config"]))
fetched = [get(link, 5_000_000).decode() for link in job["links"]]
print(json.dumps({"stored": stored, "fetched": fetched}))
