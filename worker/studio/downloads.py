"""Fetches files of a set: resumed where it broke off, checked against size and hash, there whole or not at all."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from studio.context import JobContext
from studio.digest import sha256_of
from studio.failures import StudioFailure
from studio.manifest import File

ATTEMPTS = 4
FIRST_PAUSE_S = 1.0
# Between two pieces of data, not for the whole file.
TIMEOUT_S = 60

# Takes a file's name, the bytes that are there and the bytes that it will have (None: not known).
Report = Callable[[str, int, int | None], None]


def follow(context: JobContext) -> Report:
    """Tells downloads as progress of a job, at most once per 50 MB, and ends them when it is cancelled."""

    def report(name: str, done: int, total: int | None) -> None:
        context.check_cancelled()
        # Whole steps only: a message that changes is sent.
        megabytes = done // 50_000_000 * 50
        size = f" of {total // 1_000_000}" if total else ""
        context.progress("loading", 1, f"Fetching {name}: {megabytes}{size} MB")

    return report


class _Damaged(Exception):
    """What came is not what the manifest names."""


def is_complete(file: File, folder: Path) -> bool:
    """Whether the file lies there whole. Its hash was checked before it got its name."""
    path = folder / file.filename
    return path.is_file() and (file.size is None or path.stat().st_size == file.size)


def fetch(
    file: File,
    folder: Path,
    report: Report = lambda name, done, total: None,
    pause: Callable[[float], None] = time.sleep,
    check: Callable[[str], None] = lambda url: None,
) -> Path:
    """Fetches one file below `folder` unless it is complete, and returns its path.

    `report` is called for each piece; what it raises ends the download, which the next call resumes.
    `check` sees each address before it is asked, those of redirects, too, and refuses by raising.
    Raises NETWORK when the file cannot be had or is damaged, ASSET_MISSING when nobody says from where.
    """
    target = (folder / file.filename).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise StudioFailure("INVALID_INPUT", detail=f"'{file.filename}' leads out of the folder of models.")
    if is_complete(file, folder):
        return target
    if file.url is None:
        raise StudioFailure("ASSET_MISSING", asset=file.filename, tried=str(target))
    import httpx

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            with open_client(check) as client:
                _receive(client, file, part, report)
            _check(file, part)
            os.replace(part, target)
            return target
        except _Damaged as damage:
            # Resuming would keep the damage.
            part.unlink(missing_ok=True)
            cause = str(damage)
        except httpx.HTTPStatusError as error:
            cause = f"the server answered {error.response.status_code}"
            if error.response.status_code in (401, 403, 404, 410):
                break
        except httpx.TransportError as error:
            cause = str(error) or type(error).__name__
    raise StudioFailure("NETWORK", detail=f"'{file.filename}' could not be fetched from {file.url}: {cause}.")


def open_client(check: Callable[[str], None]):
    """An HTTP client that follows redirects as far as `check` lets it."""
    import httpx

    hooks = {"request": [lambda request: check(str(request.url))]}
    return httpx.Client(timeout=TIMEOUT_S, follow_redirects=True, event_hooks=hooks)


def _receive(client, file: File, part: Path, report: Report) -> None:
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        # Whole, or longer than it may be: the check decides.
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", file.url, headers=headers) as reply:
        if reply.status_code == 416:
            # Nothing is left to send: the broken-off file was whole already, or is not this file.
            return
        reply.raise_for_status()
        if reply.status_code != 206:
            have = 0
        announced = reply.headers.get("Content-Length")
        total = file.size or (have + int(announced) if announced else None)
        with part.open("ab" if have else "wb") as out:
            # Raw: the bytes as they are stored; a Content-Encoding would break size and resuming. In pieces
            # as they come: those that are collected first are lost when the connection ends.
            for piece in reply.iter_raw():
                out.write(piece)
                have += len(piece)
                report(file.filename, have, total)
            out.flush()
            os.fsync(out.fileno())
        if total is not None and have < total:
            raise _broken_off(have, total)


def _broken_off(have: int, total: int) -> Exception:
    import httpx

    return httpx.ReadError(f"the connection ended after {have} of {total} bytes")


def _check(file: File, part: Path) -> None:
    size = part.stat().st_size if part.exists() else 0
    if file.size is not None and size != file.size:
        raise _Damaged(f"it has {size} bytes instead of {file.size}")
    if file.sha256 is None:
        return
    digest = sha256_of(part)
    if digest != file.sha256:
        raise _Damaged(f"its SHA-256 is {digest} instead of {file.sha256}")
