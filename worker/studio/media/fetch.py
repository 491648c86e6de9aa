"""Fetches an input that a job names by its link: to allowed addresses, up to a size, for a limited time."""

import time
from collections.abc import Callable
from urllib.parse import urljoin

import httpcore

from studio import __version__
from studio.media.addresses import AddressRefused, check_address, resolve

MOST_REDIRECTS = 3
STEP_S = 10.0
# For the whole file, redirects included: a server that sends a byte now and then holds the device.
WHOLE_S = 60.0
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": f"runpod-studio-worker/{__version__}"}

# Takes a link and the largest size in bytes.
Fetch = Callable[[str, int], bytes]


class TooLarge(Exception):
    """`size` in bytes: what was announced, else what had come until it was enough."""

    def __init__(self, size: int):
        super().__init__(size)
        self.size = size


class NotReached(Exception):
    """The link gave no file. The text says why, without the link: its query is often a secret."""


class Guarded(httpcore.NetworkBackend):
    """Connects to the addresses that were checked; TLS still asks for the name.

    A name that is looked up again may lead elsewhere the second time.
    """

    def __init__(self, allow_private: bool):
        self._allow_private = allow_private
        self._real = httpcore.SyncBackend()

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        failure: Exception | None = None
        for address in resolve(host, port, self._allow_private):
            try:
                return self._real.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(host)


def fetch(link: str, most_bytes: int, allow_private: bool, check: Callable[[], None] = lambda: None) -> bytes:
    """The file behind a link. Raises AddressRefused, TooLarge, NotReached, and what `check` raises."""
    ends = time.monotonic() + WHOLE_S
    timeout = {"connect": STEP_S, "read": STEP_S, "write": STEP_S, "pool": STEP_S}
    try:
        with httpcore.ConnectionPool(network_backend=Guarded(allow_private)) as pool:
            for _ in range(MOST_REDIRECTS + 1):
                check_address(link, allow_private)
                with pool.stream("GET", link, headers=_HEADERS, extensions={"timeout": timeout}) as reply:
                    if reply.status not in (301, 302, 303, 307, 308):
                        return _read(reply, most_bytes, ends, check)
                    link = urljoin(link, _header(reply, b"location") or "")
    except ValueError as error:
        raise AddressRefused("it is not an address") from error
    except httpcore.TimeoutException:
        raise NotReached(f"nothing came for {STEP_S:g} seconds") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise NotReached(f"the connection failed ({type(error).__name__})") from None
    raise NotReached(f"it was redirected more than {MOST_REDIRECTS} times")


def _read(reply: httpcore.Response, most_bytes: int, ends: float, check: Callable[[], None]) -> bytes:
    if reply.status != 200:
        raise NotReached(f"the server answered {reply.status}")
    announced = _header(reply, b"content-length") or ""
    if announced.isdigit() and int(announced) > most_bytes:
        raise TooLarge(int(announced))
    data = bytearray()
    for piece in reply.iter_stream():
        check()
        data += piece
        if len(data) > most_bytes:
            raise TooLarge(len(data))
        if time.monotonic() > ends:
            raise NotReached(f"it was not complete after {WHOLE_S:g} seconds")
    return bytes(data)


def _header(reply: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in reply.headers if key.lower() == name), None)
