"""Who imports whom in the worker, and what must not be loaded before it is needed."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2]
SOURCES = [WORKER / "handler.py", *sorted((WORKER / "studio").rglob("*.py"))]


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Runs import-linter in a copy of the worker, so that no cache of it stays in the clone."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(
        WORKER / "studio", tmp_path / "studio", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(WORKER / ".importlinter", tmp_path)
    return tmp_path


def test_every_room_imports_only_what_it_may(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    files = int(done.stdout.split("Analyzed ")[1].split(" ")[0])
    assert files >= len(SOURCES) - 1


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("media/wrong.py", "import studio.serve.http", "Servers use routes"),
        ("engines/wrong.py", "import studio.routes.create", "Servers use routes"),
        ("routes/wrong.py", "import studio.routes.create", "No route imports another route"),
        ("media/wrong.py", "import studio.jobs.runner", "Only the servers and dispatch"),
        ("serve/wrong.py", "import runpod", "Only the serverless server"),
        ("routes/wrong.py", "import torch", "Only engines know torch"),
        ("jobs/wrong.py", "from diffusers import DiffusionPipeline", "Only engines know torch"),
    ],
)
def test_every_rule_catches_its_own_wrong_import(copy, module, line, broken):
    (copy / "studio" / module).write_text(line + "\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    report = [text for text in done.stdout.splitlines() if "BROKEN" in text]
    assert any(broken in text for text in report), done.stdout


def names(path: Path) -> set[str]:
    """All attribute chains in a file, e.g. os.environ, and all names that are imported from modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_environment_is_read_in_settings_alone():
    readers = {"os.environ", "os.getenv", "os.putenv", "os.environb"}
    assert [path.name for path in SOURCES if names(path) & readers] == ["settings.py"]


def test_the_runpod_sdk_is_imported_by_the_serverless_server_alone():
    importing = [
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "runpod" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "runpod")
    ]
    assert set(importing) <= {"handler.py", "serverless.py"}
    assert importing


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
