"""Who may import whom, who may read the environment, and how long a file may be."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[1]
STUDIO = WORKER / "studio"
FILES = [file for file in [WORKER / "handler.py", *STUDIO.rglob("*.py")] if "contract" not in file.parts]
LONGEST = 300


needs_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="import-linter 2.16 and tomllib need Python 3.11")


@needs_311
def test_the_rooms_import_only_what_they_may():
    # Not the installed script: its first line names the folder in which the environment was made.
    tool = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    run = subprocess.run([*tool, "--no-cache"], cwd=WORKER, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
    # A tool that finds no module passes, too.
    assert int(re.search(r"Analyzed (\d+) files", run.stdout)[1]) > 25


@needs_311
def test_every_room_stands_in_the_contracts():
    import tomllib

    contracts = tomllib.loads((WORKER / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    torch = next(contract for contract in contracts if "torch" in contract.get("forbidden_modules", []))
    parts = [path for path in STUDIO.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    rooms = {f"studio.{path.stem}" for path in parts}
    assert rooms - {"studio.__init__", "studio.engines"} == set(torch["source_modules"])


def test_only_settings_reads_the_environment():
    readers = {file.name for file in FILES if re.search(r"\bos\.(environ|getenv)\b", file.read_text())}
    assert readers == {"settings.py"}


def test_the_entry_point_is_short_and_no_file_is_long():
    assert len((WORKER / "handler.py").read_text().splitlines()) < 40
    assert [file.name for file in FILES if len(file.read_text().splitlines()) > LONGEST] == []


def test_requirements_without_a_gpu_hold_nothing_that_needs_one():
    lock = (WORKER / "requirements-cpu.lock").read_text()
    names = set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE))
    assert "torch" in names and not names & {"torchvision", "spandrel", "torchaudio"}
    # The one that asks the driver is plain Python, and quiet where there is none.
    assert [name for name in names if name.startswith("nvidia")] == ["nvidia-ml-py"]
    assert re.search(r"^torch==[\d.]+$", lock, re.MULTILINE)
    assert "://" not in lock
