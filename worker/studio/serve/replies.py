"""What pod mode answers about a job: the platform's shapes, pure."""

from studio.input import valid_routes
from studio.jobs.job import Job

NOT_FOUND = {"status": 404, "title": "Not Found", "detail": "job not found"}


def problem(status: int, title: str, detail: str) -> dict:
    """A refusal. Its numeric `status` is not the state of a job."""
    return {"status": status, "title": title, "detail": detail}


def submitted(job: Job) -> dict:
    return {"id": job.id, "status": job.status}


def state(job: Job, worker_id: str, now: float) -> dict:
    """The job as /status and /runsync tell it. Times in milliseconds; keys only where they have a value."""
    reply: dict = {"id": job.id, "status": job.status}
    if job.started_at is not None or job.final:
        reply["delayTime"] = job.delay_ms
    if job.started_at is not None:
        reply |= {"executionTime": job.execution_ms(now), "workerId": worker_id}
    if job.status == "COMPLETED":
        reply["output"] = job.output
    elif job.status == "IN_PROGRESS" and job.progress is not None:
        reply["output"] = job.progress
    if job.error is not None:
        reply["error"] = job.error
    if job.error_code == "INVALID_ROUTE":
        reply["valid_routes"] = valid_routes()
    if job.retries:
        reply["retries"] = job.retries
    return reply


def webhook_body(job: Job, now: float) -> dict:
    """What the webhook receives: the whole job with its input and the address itself, as the platform sends it."""
    body = {
        "delayTime": job.delay_ms,
        "executionTime": job.execution_ms(now),
        "id": job.id,
        "input": job.input,
        "status": job.status,
        "webhook": job.webhook,
    }
    return body | ({"error": job.error} if job.error is not None else {"output": job.output})


def health(counts: dict, worker: dict) -> dict:
    """Job and worker counts in the platform's words, with the keys of the route health beside them."""
    starting = worker["status"] == "starting"
    unhealthy = worker["status"] == "unhealthy"
    running = counts["inProgress"] > 0
    usable = not starting and not unhealthy
    workers = {
        "idle": int(usable and not running),
        "initializing": int(starting),
        "ready": int(usable),
        "running": int(running),
        "throttled": 0,
        "unhealthy": int(unhealthy),
    }
    return {"jobs": counts, "workers": workers, **worker}
