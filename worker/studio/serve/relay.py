"""Sends progress one after another and the newest only, and never after it was closed."""

import threading
from collections.abc import Callable

# The node may not think that a worker which loads a model for a minute is dead.
REPEAT_S = 5.0


class ProgressRelay:
    """`send(progress)` blocks until one progress has arrived; it is called from the relay's thread.

    A progress that arrives after the result would show a finished job as running, and the
    platform's SDK sends each one from a thread of its own without order.
    """

    def __init__(self, send: Callable[[dict], None], repeat_s: float = REPEAT_S):
        self._send = send
        self._repeat_s = repeat_s
        self._changed = threading.Condition()
        self._next: dict | None = None
        self._last: dict | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def post(self, progress: dict) -> None:
        """Takes over a progress; an older one that waits is dropped for it."""
        with self._changed:
            if self._closed:
                return
            self._next = progress
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Drops what waits and returns when nothing is on its way any more."""
        with self._changed:
            self._closed = True
            self._next = None
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._closed and self._next is None:
                    self._changed.wait(self._repeat_s)
                if self._closed:
                    return
                self._last, self._next = self._next or self._last, None
            self._send(self._last)
