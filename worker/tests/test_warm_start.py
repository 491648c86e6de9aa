"""What a worker does before its first job."""

import subprocess
import sys
from pathlib import Path

from studio import warm_start
from studio.assets import Assets
from studio.settings import Settings

WORKER = Path(__file__).parents[1]


def test_a_serverless_worker_warms_up_unless_told_otherwise():
    serverless = {"RUN_MODE": "serverless", "RUNPOD_WEBHOOK_GET_JOB": "http://127.0.0.1/job"}
    assert Settings.from_environment(serverless).warm_start
    assert not Settings.from_environment(serverless | {"WARM_START": "0"}).warm_start
    assert not Settings.from_environment({"ALLOW_NO_AUTH": "1"}).warm_start


def test_all_weights_of_the_default_models_are_read():
    files = warm_start.default_files(Assets(Settings(model_set="demo")))
    assert {"unet", "vae", "text_encoder", "text_encoder_2", "upscaler", "scorer"} == {f.parent.name for f in files}
    assert warm_start.read_ahead(files) == sum(file.stat().st_size for file in files) > 20_000_000


def test_weights_that_would_not_stay_in_memory_are_left_alone(tmp_path):
    big = tmp_path / "big.safetensors"
    with big.open("wb") as file:
        file.truncate(2**50 // 512)
    assert warm_start.read_ahead([big]) == 0


def test_missing_weights_are_left_for_the_job_to_tell(tmp_path, caplog):
    warm_start._read_default_set(Settings(model_set="core", volume_root=tmp_path))
    assert "ahead" not in caplog.text


def test_libraries_are_imported_only_when_health_can_be_answered():
    script = """
import sys, threading
from studio import warm_start
from studio.process import PROCESS
from studio.settings import Settings
warm_start.ENGINES = ("studio.engines.device",)
warm_start.warm_start(Settings(model_set="demo", warm_start=True))
importing = [thread for thread in threading.enumerate() if thread.name == "importing"][0]
assert "torch" not in sys.modules
PROCESS.ready.set()
importing.join()
assert "torch" in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=WORKER).returncode == 0
