"""One job: what was asked, where it stands, what came out."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from studio.contract.job import JobState
from studio.jobs.state import check_transition, is_final

# The platform's defaults.
EXECUTION_TIMEOUT_MS = 600_000
TTL_MS = 86_400_000


@dataclass
class Policy:
    """Limits of a job in milliseconds. `ttl_ms` counts from the submission, queue and run together."""

    execution_timeout_ms: int | None = EXECUTION_TIMEOUT_MS
    ttl_ms: int | None = TTL_MS


@dataclass
class Attempt:
    """One run of a job. A retry makes a new one, so that an old run cannot speak for it."""

    stop: threading.Event = field(default_factory=threading.Event)
    # Result None: the job is final; the device may still be busy until `released`.
    finished: Future = field(default_factory=Future)
    released: Future = field(default_factory=Future)


@dataclass
class Job:
    """Times are seconds of the runner's clock. Only the runner changes a job, under its lock."""

    id: str
    input: object
    webhook: str | None = None
    policy: Policy = field(default_factory=Policy)
    # Holds the keys of a bucket: told to nobody.
    s3_config: object = field(default=None, repr=False)
    status: JobState = "IN_QUEUE"
    submitted_at: float = 0.0
    queued_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    progress: dict | None = None
    output: dict | None = None
    error: str | None = None
    error_code: str | None = None
    retries: int = 0
    attempt: Attempt = field(default_factory=Attempt)

    @property
    def final(self) -> bool:
        return is_final(self.status)

    @property
    def delay_ms(self) -> int:
        """How long the last attempt waited for the device; a retry starts again at 0."""
        end = self.started_at if self.started_at is not None else self.finished_at
        return round((end - self.queued_at) * 1000) if end is not None else 0

    def execution_ms(self, now: float) -> int:
        """How long the last attempt has run so far, or ran."""
        if self.started_at is None:
            return 0
        return round(((self.finished_at or now) - self.started_at) * 1000)

    def start(self, now: float) -> None:
        check_transition(self.status, "IN_PROGRESS")
        self.status, self.started_at = "IN_PROGRESS", now

    def finish(self, status: JobState, now: float, output=None, error=None, error_code=None) -> None:
        check_transition(self.status, status)
        self.status, self.finished_at = status, now
        self.output, self.error, self.error_code = output, error, error_code
        self.progress = None

    def requeue(self, now: float) -> None:
        """For a retry: same id and input, the old result is gone."""
        check_transition(self.status, "IN_QUEUE")
        self.status, self.queued_at, self.started_at, self.finished_at = "IN_QUEUE", now, None, None
        self.output = self.error = self.error_code = self.progress = None
        self.retries += 1
        self.attempt = Attempt()
