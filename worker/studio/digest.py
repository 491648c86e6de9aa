"""SHA-256 of files, read piece by piece: weights are larger than what should lie in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

PIECE_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Hex digest of the file's content. (`hashlib.file_digest` would need Python 3.11.)"""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
