"""Log lines: each starts with the [ROUTE] that it belongs to, without secrets and without images."""

import logging
import re
from collections import deque
from contextvars import ContextVar

from studio.settings import Settings

TAIL_LINES = 200
# Text of a base64 image is of no use to a reader and fills the platform's log.
_LONG_TEXT = re.compile(r"[A-Za-z0-9+/=_-]{400,}")
_ROUTE: ContextVar[str] = ContextVar("route", default="worker")
_SECRETS: ContextVar[tuple[str, ...]] = ContextVar("secrets", default=())
_TAIL: deque[str] = deque(maxlen=TAIL_LINES)


def set_route(name: str) -> None:
    """Names the route of the lines that this thread writes from now on."""
    _ROUTE.set(name)


def set_secrets(secrets: tuple[str, ...]) -> None:
    """Names what a job brought along and no line of this thread may hold from now on."""
    _SECRETS.set(secrets)


def tail() -> list[str]:
    """The last lines, oldest first, as they were written."""
    return list(_TAIL)


class _Formatter(logging.Formatter):
    def __init__(self, settings: Settings):
        super().__init__()
        self._settings = settings

    def format(self, record: logging.LogRecord) -> str:
        text = self._settings.redact(super().format(record), _SECRETS.get())
        text = _LONG_TEXT.sub(lambda found: f"<{len(found.group())} characters>", text)
        return f"[{_ROUTE.get().upper()}] {record.levelname.lower()}: {text}"


class _Output(logging.StreamHandler):
    def emit(self, record: logging.LogRecord) -> None:
        _TAIL.append(self.format(record))
        super().emit(record)


def start_log(settings: Settings) -> None:
    """Sends all logging of the process to the standard error output."""
    output = _Output()
    output.setFormatter(_Formatter(settings))
    root = logging.getLogger()
    root.handlers = [output]
    root.setLevel(settings.log_level)
    # These tell every request, with its address, which may hold a token, and with its signature.
    for noisy in ("httpx", "httpcore", "urllib3", "filelock", "asyncio", "boto3", "botocore", "s3transfer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
