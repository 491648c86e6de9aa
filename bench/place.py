"""Where the worker's sources are, for all parts of the bench; importing it makes them importable."""

import sys
from pathlib import Path

WORKER = Path(__file__).resolve().parents[1] / "worker"
sys.path.insert(0, str(WORKER))

PROMPT = "a large red apple on a blue background"
