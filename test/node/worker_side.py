"""The worker's half of a storage: what it does with the bucket and the link that a job brings along."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "worker"))

from studio.bucket import bucket_of_job
from studio.media.fetch import fetch
from studio.media.storage import Storage

job = json.load(sys.stdin)
put = Storage(bucket_of_job(job["s3Config"]), allow_private=True).put
stored = put("job-1/image.png", b"by the worker", "image/png")
fetched = fetch(job["link"], 5_000_000, allow_private=True)
print(json.dumps({"stored": stored, "fetched": fetched.decode()}))
