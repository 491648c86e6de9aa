"""The import rules are awake: each catches its own wrong import, and models are loaded late."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("media/images.py", "import studio.serve.http"),
        ("engines/draw.py", "import studio.routes.create"),
        ("routes/health.py", "import studio.routes.create"),
        ("routes/health.py", "import studio.jobs.runner"),
        ("jobs/runner.py", "import studio.serve.http"),
        ("serve/http.py", "import runpod"),
        ("routes/create.py", "import torch"),
        ("jobs/runner.py", "from diffusers import DiffusionPipeline"),
    ],
)
def test_every_wrong_import_is_caught(tmp_path, module, line):
    pytest.importorskip("importlinter", reason="import-linter 2.16 needs Python 3.11")
    shutil.copytree(WORKER / "studio", tmp_path / "studio", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(WORKER / "pyproject.toml", tmp_path)
    source = tmp_path / "studio" / module
    source.write_text(source.read_text() + f"\n{line}\n")
    # Not the installed script: its first line names the folder in which the environment was made.
    tool = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run([*tool, "--no-cache"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_torch_is_loaded_only_when_a_model_is_needed():
    """The worker answers health and refuses bad input long before torch would have been imported."""
    program = (
        "import importlib, sys, handler, studio.dispatch, studio.serve.http\n"
        "from studio.contract.routes import ROUTES\n"
        "for route in ROUTES: importlib.import_module('studio.routes.' + route)\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=WORKER, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
