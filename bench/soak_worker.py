"""Soak of a worker in pod mode: many jobs with faults drawn at random, then what is left of them.

    python bench/soak_worker.py [--jobs 500] [--seed 1]

The worker is the real one; its route create does what its prompt says instead of drawing
(worker/tests/serve/faulty_worker.py). Prints a table and ends with 1 when a job was lost, ended in
another state than its fault asks for, or left a file behind, or when memory grew by more than 20 %.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "worker"))

from tests.serve.workers import PodWorker  # noqa: E402

# What is asked, and the state and failure that must come of it.
FAULTS = {
    "a cat": "COMPLETED",
    "steps 3": "COMPLETED",
    "files": "COMPLETED",
    "picture 0.2": "COMPLETED",
    "raise cause": "FAILED JOB_FAILED",
    "memory": "FAILED OUT_OF_MEMORY",
    "nan": "FAILED JOB_FAILED",
    "bytes": "FAILED JOB_FAILED",
    "reserved": "FAILED JOB_FAILED",
    "large 1.5": "FAILED RESULT_TOO_LARGE",
    "bad input": "FAILED INVALID_INPUT",
    "bad route": "FAILED INVALID_ROUTE",
    "cancelled": "CANCELLED",
    "cut off": "COMPLETED",
}
WARM_UP = 50
MOST_WAITING = 20
END_S = 600


def submit(worker: PodWorker, fault: str) -> str:
    prompt = {"cancelled": "steps 200", "cut off": "steps 2"}.get(fault, fault)
    body = {"route": "paint" if fault == "bad route" else "create", "prompt": prompt}
    if fault == "bad input":
        body["width"] = 7
    # A receiver that is not there: webhooks must not hold anything up.
    more = {"webhook": "http://127.0.0.1:1/"} if random.random() < 0.1 else {}
    job_id = worker.submit(body, **more)
    if fault == "cancelled":
        worker.cancel(job_id)
    if fault == "cut off":
        try:
            worker.http.post("/runsync", json={"input": body}, timeout=0.01)
        except httpx.TimeoutException:
            pass
    return job_id


def state(worker: PodWorker, job_id: str) -> str:
    reply = worker.http.get(f"/status/{job_id}").json()
    code = reply.get("error", "").partition(":")[0]
    return f"{reply['status']} {code}".strip()


def run_jobs(worker: PodWorker, count: int) -> Counter:
    """Submits `count` jobs with a few waiting at a time; counts (fault, state at the end)."""
    waiting: dict[str, str] = {}
    outcomes: Counter = Counter()
    ends = time.monotonic() + END_S
    submitted = 0
    while (submitted < count or waiting) and time.monotonic() < ends:
        while submitted < count and len(waiting) < MOST_WAITING:
            fault = random.choice(list(FAULTS))
            waiting[submit(worker, fault)] = fault
            submitted += 1
        for job_id, fault in list(waiting.items()):
            now = state(worker, job_id)
            if not now.startswith("IN_"):
                outcomes[fault, now] += 1
                del waiting[job_id]
    for fault in waiting.values():
        outcomes[fault, "lost"] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        worker = PodWorker(TEMP_ROOT=folder, MAX_INLINE_MB="1")
        try:
            process = psutil.Process(worker.process.pid)
            run_jobs(worker, WARM_UP)
            before = process.memory_info().rss
            started = time.monotonic()
            outcomes = run_jobs(worker, options.jobs)
            seconds = time.monotonic() - started
            after, left = process.memory_info().rss, len(list(Path(folder).iterdir()))
            counts = worker.http.get("/health").json()["jobs"]
        finally:
            worker.close()
    wrong = {key: count for key, count in outcomes.items() if FAULTS[key[0]] != key[1]}
    for (fault, end), count in sorted(outcomes.items()):
        print(f"{fault:12} {end:26} {count:4}")
    lost = options.jobs - sum(outcomes.values()) + sum(n for (_, end), n in outcomes.items() if end == "lost")
    print(f"{options.jobs} jobs in {seconds:.0f} s; lost {lost}, in a wrong state {sum(wrong.values())}")
    print(f"memory {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after; files left {left}; {counts}")
    return 1 if lost or wrong or left or after > 1.2 * before else 0


if __name__ == "__main__":
    sys.exit(main())
