"""The table of contents of a weights file: names and shapes of its tensors and its notes, without the tensors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# A table of a large model has some 300 kB; what claims more is no such file.
LARGEST_TABLE = 100_000_000

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Header:
    """Shape of each tensor by name, and what the training program wrote about the file."""

    shapes: Shapes
    notes: dict[str, str]


def header_of(path: Path) -> Header | None:
    """What the file says about itself; None for one that is no whole safetensors file."""
    try:
        state = path.stat()
        return _read(path, state.st_size, state.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=512)
def _read(path: Path, size: int, changed: int) -> Header | None:
    # The format: eight bytes with the length of a JSON table, the table, the numbers.
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LARGEST_TABLE, size - 8):
            return None
        try:
            table = json.loads(file.read(length))
            notes = table.pop("__metadata__", None) or {}
            ends = [entry["data_offsets"][1] for entry in table.values()]
            shapes = {name: tuple(entry["shape"]) for name, entry in table.items()}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None
    # A download that broke off has the table, but not all the numbers.
    return Header(shapes, dict(notes)) if size >= 8 + length + max(ends, default=0) else None
