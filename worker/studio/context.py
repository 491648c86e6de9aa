"""What a route knows about its job: settings, progress, cancellation, a folder of its own."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from studio.failures import Cancelled
from studio.settings import Settings


@dataclass
class JobContext:
    """One per job. `report_progress` takes {stage, percent, message}; `is_cancelled` is cheap."""

    job_id: str
    settings: Settings
    report_progress: Callable[[dict], None] = lambda progress: None
    is_cancelled: Callable[[], bool] = lambda: False
    # The bucket that the job brought along, as it came.
    s3_config: object = field(default=None, repr=False)
    _last: dict | None = field(default=None, repr=False)
    _scratch: Path | None = field(default=None, repr=False)

    def progress(self, stage: str, percent: float, message: str, **more: object) -> None:
        """Tells how far the job is: percent 0 to 100 of the whole job, never going back. `more` goes along as it is."""
        floor = self._last["percent"] if self._last else 0.0
        percent = round(max(floor, min(100.0, float(percent))), 1)
        progress = {"stage": stage, "percent": percent, "message": message, **more}
        if progress == self._last:
            return
        self._last = progress
        self.report_progress(dict(progress))

    def check_cancelled(self) -> None:
        """Call between two steps. Raises Cancelled when nobody wants the result any more."""
        if self.is_cancelled():
            raise Cancelled(self.job_id)

    def scratch(self) -> Path:
        """Folder for inputs and temporary files of this job; the runner removes it afterwards."""
        if self._scratch is None:
            self.settings.temp_root.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix="job-", dir=self.settings.temp_root))
        return self._scratch

    def part(self, index: int, count: int) -> "JobContext":
        """The context of one of `count` equal parts of this job; its percent is that of the part."""

        def report(progress: dict) -> None:
            told = {**progress, "percent": (100 * index + progress["percent"]) / count}
            if count > 1:
                told["message"] = f"{index + 1} of {count}: {progress['message']}"
            self.progress(**told)

        return JobContext(self.job_id, self.settings, report, self.is_cancelled, self.s3_config)

    def close(self) -> None:
        """Removes what the job left on disk."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
