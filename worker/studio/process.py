"""What this worker process has been through: its start, its first job, a failure while starting."""

import threading
import time
from dataclasses import dataclass, field

from studio.failures import StudioFailure


@dataclass
class ProcessState:
    """One per process. `ready` is set once the start-up checks are through, also when they failed."""

    started_at: float = field(default_factory=time.monotonic)
    jobs_finished: int = 0
    startup_failure: StudioFailure | None = None
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def uptime_s(self) -> float:
        return round(time.monotonic() - self.started_at, 3)

    @property
    def cold(self) -> bool:
        """Whether no job has finished in this process yet."""
        return self.jobs_finished == 0

    @property
    def status(self) -> str:
        """healthy, starting or unhealthy."""
        if self.startup_failure is not None:
            return "unhealthy"
        return "healthy" if self.ready.is_set() else "starting"


PROCESS = ProcessState()
