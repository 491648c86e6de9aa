"""The files around the image: linted by their own tools, and in agreement with the worker's settings and routes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from studio.contract.routes import ROUTES
from studio.settings import Settings

WORKER = Path(__file__).parents[1]
ROOT = WORKER.parent
HUB = json.loads((ROOT / ".runpod" / "hub.json").read_text())
TESTS = json.loads((ROOT / ".runpod" / "tests.json").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def tool(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.compose-spec", [WORKER / "compose.yaml", WORKER / "compose.gpu.yaml"]),
    ],
)
def test_workflows_and_compose_files_follow_their_schemas(schema, files):
    assert len(files) >= 2
    done = tool("check_jsonschema", "--builtin-schema", schema, *map(str, files))
    assert done.returncode == 0, done.stdout


def test_the_workflows_are_without_findings():
    # Offline: what it would ask of a host on the network is left out.
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, "--offline", "--no-progress", "--persona", "pedantic", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_without_findings():
    # The packages' versions are pinned by lock files, which the linter does not see.
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--failure-threshold", "info", WORKER / "Dockerfile"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hub_file_follows_its_description():
    jsonschema.validate(HUB, json.loads((Path(__file__).parent / "image" / "hub.schema.json").read_text()))
    defaults = {entry["key"]: entry["input"].get("default") for entry in HUB["config"]["env"] if "input" in entry}
    for preset in HUB["config"]["presets"]:
        # Every variable of a preset can be set by hand, too, and the worker takes it.
        assert set(preset["defaults"]) <= set(defaults)
        Settings.from_environment({"RUN_MODE": "serverless"} | {k: str(v) for k, v in preset["defaults"].items()})
    read = (WORKER / "studio" / "settings.py").read_text()
    assert [key for key in defaults if f'"{key}"' not in read] == []


def test_the_hubs_tests_are_jobs_that_the_worker_takes():
    assert TESTS["tests"] and set(TESTS["config"]) >= {"gpuTypeId", "gpuCount"}
    for test in TESTS["tests"]:
        assert set(test) == {"name", "input", "timeout"} and test["timeout"] >= 1000
        ROUTES[test["input"]["route"]].input.model_validate(test["input"])
    Settings.from_environment({"RUN_MODE": "serverless"} | {env["key"]: env["value"] for env in TESTS["config"]["env"]})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_permissions_are_named(path):
    text = path.read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used and [name for name in used if not re.search(r"@[0-9a-f]{40}$", name)] == []
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    # What a stranger can write must not become a part of a script.
    scripts = "\n".join(re.findall(r"run: \|?((?:.*\n)(?:\s{10,}.*\n)*)", text))
    assert "${{" not in scripts


def test_every_locked_package_has_its_hash():
    for name in ("requirements-image.lock", "requirements-torch-cpu.lock"):
        text = (WORKER / name).read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        assert lines and all(re.fullmatch(r"\S+==\S+(\s+--hash=sha256:[0-9a-f]{64})+\s*", line) for line in lines)
    locked = dict(re.findall(r"^(\S+)==(\S+)", (WORKER / "requirements-image.lock").read_text(), re.MULTILINE))
    # The image has the versions that the tests ran with, of which some depend on Python's.
    tested: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (WORKER / "requirements-cpu.lock").read_text(), re.M):
        tested.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    other = {name: version for name, version in locked.items() if version not in tested.get(name, {version})}
    assert other == {} and len(locked) > 50
    # Older versions of the platform's SDK send nearly all jobs to one worker, and cannot be told to stop one.
    assert tuple(map(int, locked["runpod"].split("."))) >= (1, 10, 1)
    assert '"runpod>=1.10.1,<2"' in (WORKER / "pyproject.toml").read_text()
    assert "torchvision" not in locked and "spandrel" not in locked and "pytest" not in locked
