"""What a worker does before its first job: reads the weights while the libraries are imported.

Both take seconds, one of the disk and one of the processor. Weights are only read into the system's file
cache, from where the engines take them at the speed of memory; nothing here holds them.
"""

import importlib
import logging
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from studio.assets import Assets, weight_files
from studio.failures import StudioFailure
from studio.process import PROCESS
from studio.settings import Settings

# Network volumes answer several readers at once faster than one.
READERS = 8
BLOCK = 16 * 2**20
ENGINES = ("studio.engines.draw", "studio.engines.upscale.memory", "studio.engines.score")

log = logging.getLogger(__name__)


def warm_start(settings: Settings) -> None:
    """Starts both in the background, where the settings ask for it; a job never waits for them."""
    if settings.warm_start:
        threading.Thread(target=_read_default_set, args=(settings,), name="reading", daemon=True).start()
        threading.Thread(target=_import_engines, name="importing", daemon=True).start()


def _read_default_set(settings: Settings) -> None:
    try:
        files = default_files(Assets(settings))
    except StudioFailure:
        # The job that needs them is told, with the paths that were tried.
        return
    amount = read_ahead(files)
    log.info("read %d MB of weights ahead", amount / 1e6)


def default_files(assets: Assets) -> list[Path]:
    """Weights that a job with default values needs, largest model first."""
    found = [assets.pipeline(assets.card()), assets.upscaler()[1], *(assets.scorer() or ())[1:]]
    # A head can lie in the folder of its vision model.
    return list(dict.fromkeys(file for path in found if path for file in weight_files(path)))


def read_ahead(files: Iterable[Path]) -> int:
    """Bytes that were read; 0 when they would not stay in memory beside a model of their size."""
    sizes = {file: file.stat().st_size for file in files}
    if 2 * sum(sizes.values()) > psutil.virtual_memory().available:
        return 0
    parts = [(file, offset) for file, size in sizes.items() for offset in range(0, size, BLOCK)]
    with ThreadPoolExecutor(READERS, "reading") as pool:
        return sum(pool.map(lambda part: _read(*part), parts))


def _read(file: Path, offset: int) -> int:
    with file.open("rb", buffering=0) as handle:
        return os.preadv(handle.fileno(), [bytearray(BLOCK)], offset)


def _import_engines() -> None:
    # Health comes first: an import holds the interpreter, and the platform asks soon.
    PROCESS.ready.wait()
    for name in ENGINES:
        try:
            importlib.import_module(name)
        except Exception as error:
            # The first job meets it again and answers with it.
            log.warning("%s cannot be imported: %s", name, error)
