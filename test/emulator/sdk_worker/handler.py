"""A small worker on the unmodified runpod SDK; its job's input says what it does."""

import asyncio
import os
import signal

import runpod


async def handler(job):
    """input: {do: "echo" | "fail" | "wait" | "not_json" | "die", ...} -> the echo, or an exception."""
    given = job["input"]
    if given["do"] == "fail":
        raise ValueError("told to fail")
    if given["do"] == "die":
        # As a fault inside a native library would do: no exception, no goodbye.
        os.kill(os.getpid(), signal.SIGKILL)
    if given["do"] == "not_json":
        return {"value": float("nan")}
    if given["do"] == "wait":
        for step in range(given["steps"]):
            runpod.serverless.progress_update(job, {"stage": "wait", "percent": step, "message": f"step {step}"})
            await asyncio.sleep(0.1)
    return {"echo": given}


async def pages(job):
    """input: {pages: n} -> n chunks for /stream."""
    for number in range(job["input"]["pages"]):
        yield {"page": number}


concurrency = int(os.environ.get("TEST_CONCURRENCY", "1"))
runpod.serverless.start(
    {
        "handler": pages if os.environ.get("TEST_STREAM") else handler,
        "concurrency_modifier": lambda current: concurrency,
    }
)
