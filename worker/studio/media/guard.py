"""Counts what a result weighs before it is sent: the platform drops large ones without a word."""

import json

from studio.failures import StudioFailure

MEGABYTE = 1_000_000


def check_result_size(result: dict, limit_mb: float) -> None:
    """Counts the exact bytes of the JSON. Raises RESULT_TOO_LARGE, or ValueError for what is no JSON."""
    size = len(json.dumps(result, allow_nan=False).encode("utf-8"))
    if size > limit_mb * MEGABYTE:
        raise StudioFailure("RESULT_TOO_LARGE", size_mb=f"{size / MEGABYTE:.1f}", limit_mb=f"{limit_mb:g}")
