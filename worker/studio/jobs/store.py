"""Jobs by id, kept for a while after they ended."""

from studio.contract.job import RUN_RESULT_KEPT_MS
from studio.jobs.job import Job


class JobStore:
    """Not locked by itself: the runner's lock guards it."""

    def __init__(self, kept_ms: int = RUN_RESULT_KEPT_MS):
        self._kept_s = kept_ms / 1000
        self._jobs: dict[str, Job] = {}
        self._ended = {"COMPLETED": 0, "FAILED": 0}

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def remove(self, job_id: str) -> None:
        job = self._jobs.pop(job_id)
        if job.status in self._ended:
            self._ended[job.status] += 1

    def jobs(self) -> list[Job]:
        return list(self._jobs.values())

    def expired(self, now: float) -> list[Job]:
        """Jobs whose result was kept long enough, and jobs whose time to live is over in whatever state."""
        return [job for job in self._jobs.values() if self._is_expired(job, now)]

    def _is_expired(self, job: Job, now: float) -> bool:
        ttl_ms = job.policy.ttl_ms
        if ttl_ms is not None and now - job.submitted_at >= ttl_ms / 1000:
            return True
        return job.final and job.finished_at is not None and now - job.finished_at >= self._kept_s

    def counts(self) -> dict[str, int]:
        """Numbers of jobs in the words of the platform's health; ended ones since the start."""
        states = [job.status for job in self._jobs.values()]
        return {
            "completed": states.count("COMPLETED") + self._ended["COMPLETED"],
            "failed": states.count("FAILED") + states.count("TIMED_OUT") + self._ended["FAILED"],
            "inProgress": states.count("IN_PROGRESS"),
            "inQueue": states.count("IN_QUEUE"),
            "retried": sum(job.retries for job in self._jobs.values()),
        }
