"""From the start of a process to its first image, against the imports alone."""

import statistics
import subprocess
import sys
import time

from place import PROMPT, WORKER

# Started afresh for each figure: imports alone, and everything up to the first image.
IMPORTS = "import torch, diffusers, transformers; from diffusers import StableDiffusionXLPipeline"
FIRST_IMAGE = """
import sys; sys.path.insert(0, {worker!r})
from studio.context import JobContext
from studio.contract.create import CreateInput
from studio.routes import create
from studio.settings import Settings
asked = CreateInput(route="create", prompt={prompt!r}, steps=20)
create.run(asked, JobContext("bench", Settings(model_set={model_set!r})))
"""


def cold_start(model_set: str, rounds: int) -> dict:
    """Seconds from the start of a process to the first image, and to the end of the imports alone."""
    first = FIRST_IMAGE.format(worker=str(WORKER), prompt=PROMPT, model_set=model_set)
    times = {"first image": [], "imports": []}
    for _ in range(rounds):
        for name, code in (("imports", IMPORTS), ("first image", first)):
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}
