"""Opens the port, tells the address, and leaves cleanly when the process is told to stop."""

import errno
import logging
import os
import socket
import sys

import uvicorn

from studio.jobs.runner import JobRunner
from studio.settings import Settings

log = logging.getLogger(__name__)

# The engine ends between two steps; a longer one is not waited for, the process ends with it.
DEVICE_WAIT_S = 10


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, runner: JobRunner, address: str):
        super().__init__(config)
        self._runner = runner
        self._address = address

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"listening on {self._address}", flush=True)

    def handle_exit(self, sig, frame) -> None:
        # First the jobs: a request that waits for one would hold the server open.
        self._runner.stop()
        # The inherited way raises the signal once more at the end, which looks like a crash from outside.
        self.force_exit = self.should_exit
        self.should_exit = True


def open_port(host: str, port: int) -> socket.socket:
    """A socket bound to the address; port 0 asks the system for a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def listen(config: uvicorn.Config, settings: Settings, runner: JobRunner) -> int:
    """Runs the server. Returns the exit code: 1 with a sentence when the port cannot be had."""
    try:
        bound = open_port(settings.host, settings.port)
    except OSError as error:
        print(_refusal(settings, error), file=sys.stderr, flush=True)
        return 1
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    config.timeout_graceful_shutdown = DEVICE_WAIT_S
    server = _Server(config, runner, f"http://{host}:{bound.getsockname()[1]}")
    server.run(sockets=[bound])
    runner.stop()
    if not runner.join(DEVICE_WAIT_S):
        log.warning("the device was still busy after %d s", DEVICE_WAIT_S)
        # A thread inside a library would let the interpreter crash on its way out.
        logging.shutdown()
        os._exit(0)
    return 0


def _refusal(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {settings.port} on {settings.host} is in use by another program. "
            "Stop it, or set PORT to another number; 0 takes any free one."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {settings.port} may not be opened by this user. Set PORT to a number above 1023."
    return f"HOST {settings.host} with PORT {settings.port} cannot be opened: {error.strerror or error}. Check HOST."
