"""The bench for GPUs: its steps run on tiny models, and the shapes that it measures are counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BENCH.is_dir(), reason="the image holds the worker alone"),
]


def test_every_step_runs_on_tiny_models_and_gives_its_figure():
    command = [sys.executable, str(BENCH / "gpu.py"), "--dry-run-tiny"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["gpu"]["figures"]
    assert [name for name, figure in figures.items() if "error" in figure] == []
    timed = {name for name, figure in figures.items() if "seconds" in figure}
    assert timed >= {f"{who}, batch {count}" for who in ("stock diffusers", "ours") for count in (1, 2)}
    assert timed >= {"production x4, tiles", "production x4, whole"}
    assert set(figures["cold start"]) == {"import", "read", "first image"}


def test_the_architecture_that_is_measured_is_the_real_one(monkeypatch):
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    monkeypatch.syspath_prepend(str(BENCH))
    from architecture import EXPECTED, UNET, VAE

    # Without memory: counted, not built.
    with torch.device("meta"):
        networks = {"unet": UNet2DConditionModel(**UNET), "vae": AutoencoderKL(**VAE)}
    counted = {name: sum(p.numel() for p in network.parameters()) / 1e6 for name, network in networks.items()}
    assert counted == pytest.approx(EXPECTED, abs=0.1)
