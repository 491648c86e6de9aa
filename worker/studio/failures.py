"""Failures that a user reads: one class, one code per cause, texts from the contract."""

import string

from studio.contract.errors import FAILURES


class Cancelled(Exception):
    """The job was cancelled: stop between two steps and give no result."""


class _Blanks(dict):
    def __missing__(self, name):
        return "unknown"


class StudioFailure(Exception):
    """A failure with a code of the contract.

    `StudioFailure("OUT_OF_MEMORY")`, `StudioFailure("INVALID_INPUT", detail="'steps' is 0; ...")`.
    `str()` gives `CODE: what happened. What to do.`, the text that ends the job as FAILED.
    Raises KeyError for a code that the contract does not know.
    """

    def __init__(self, code: str, **values):
        entry = FAILURES[code]
        self.code = code
        self.values = values
        # Shown only where DEBUG=1 asked for it.
        self.traceback: str | None = None
        self.category = entry.category
        self.retryable = entry.retryable
        self.message = _fill(entry.message, values)
        # The node says this of what it refuses itself; what fails here was submitted.
        self.remedy = _fill(entry.remedy, values).replace(" Nothing was submitted.", "")
        super().__init__(code)

    def __str__(self) -> str:
        end = "" if self.message.endswith((".", "!", "?")) else "."
        text = f"{self.code}: {self.message}{end} {self.remedy}".strip()
        return f"{text}\n{self.traceback}" if self.traceback else text


def _fill(text: str, values: dict) -> str:
    # A value that is missing must not hide the failure behind a KeyError.
    return string.Formatter().vformat(text, (), _Blanks(values))


def classify(exception: BaseException) -> StudioFailure:
    """Finds the failure that stands for any exception. Pure; imports no engine.

    The classes of torch are recognised by name and text, so that nothing here loads torch.
    """
    if isinstance(exception, StudioFailure):
        return exception
    text = _first_line(exception)
    names = {kind.__name__ for kind in type(exception).__mro__}
    if "OutOfMemoryError" in names or isinstance(exception, MemoryError) or "out of memory" in text.lower():
        return StudioFailure("OUT_OF_MEMORY")
    # CPU allocations fail with a plain RuntimeError of torch's default allocator.
    if isinstance(exception, RuntimeError) and "can't allocate memory" in text:
        return StudioFailure("OUT_OF_MEMORY")
    if isinstance(exception, FileNotFoundError):
        path = exception.filename or text
        return StudioFailure("ASSET_MISSING", asset=str(path), tried=str(path))
    if isinstance(exception, (ConnectionError, TimeoutError)):
        return StudioFailure("NETWORK", detail=f"{type(exception).__name__}: {text}")
    return StudioFailure(
        "JOB_FAILED", detail=f"{type(exception).__name__}: {text}" if text else type(exception).__name__
    )


def _first_line(exception: BaseException) -> str:
    # Libraries put whole dumps into their texts; the first line names the cause.
    lines = [line.strip() for line in str(exception).splitlines() if line.strip()]
    return lines[0][:500] if lines else ""
