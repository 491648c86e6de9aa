"""Settings: what the environment may say, and the sentence for what it may not."""

from pathlib import Path

import pytest

from studio import settings as settings_module
from studio.settings import SPEED_UPS, Settings, SettingsError

OPEN = {"ALLOW_NO_AUTH": "1"}


def test_the_platforms_variable_decides_the_mode_unless_one_is_named():
    queue = {"RUNPOD_WEBHOOK_GET_JOB": "https://x/job-take/$ID?gpu=a"}
    assert Settings.from_environment(OPEN).run_mode == "pod"
    assert Settings.from_environment(queue).run_mode == "serverless"
    assert Settings.from_environment(queue | OPEN | {"RUN_MODE": "Pod"}).run_mode == "pod"


def test_the_volume_lies_where_the_mode_has_it():
    assert Settings.from_environment(OPEN).volume_root == Path("/workspace")
    assert Settings.from_environment({"RUN_MODE": "serverless"}).volume_root == Path("/runpod-volume")


def test_a_volume_that_is_there_goes_before_one_that_is_not(tmp_path, monkeypatch):
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.mkdir()
    monkeypatch.setattr(settings_module, "VOLUMES", {"serverless": there, "pod": gone})
    assert Settings.from_environment(OPEN).volume_root == there
    gone.mkdir()
    assert Settings.from_environment(OPEN).volume_root == gone
    assert Settings.from_environment(OPEN | {"VOLUME_ROOT": str(tmp_path)}).volume_root == tmp_path


def test_models_can_be_named_by_their_paths():
    assert Settings.from_environment(OPEN).wait_for_assets_s == 180
    named = {"MODEL_PATH": "/m", "SIGLIP_PATH": "/s", "PREDICTOR_WEIGHTS": "/p.pth", "WAIT_FOR_ASSETS_SECONDS": "0"}
    found = Settings.from_environment(OPEN | named)
    assert (found.model_path, found.scorer_tower, found.scorer_head) == (Path("/m"), Path("/s"), Path("/p.pth"))
    assert found.wait_for_assets_s == 0


def test_an_empty_variable_is_not_set():
    assert Settings.from_environment({"AUTH_TOKEN": "t", "PORT": " ", "MODEL_SET": ""}).port == 8000


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "AUTH_TOKEN is not set"),
        (OPEN | {"PORT": "70000"}, "PORT is '70000'. Set a whole number from 0 to 65535, or remove it for 8000."),
        (OPEN | {"RUN_MODE": "local"}, "RUN_MODE is 'local'. Set one of serverless, pod, or remove it for pod."),
        ({"ALLOW_NO_AUTH": "maybe"}, "ALLOW_NO_AUTH is 'maybe'. It is a switch: set 1 or 0."),
        (OPEN | {"MAX_INLINE_MB": "nan"}, "MAX_INLINE_MB is 'nan'. Set a number from 0.001 to 20"),
        (OPEN | {"SPEED_UPS": "graph,nitro"}, "SPEED_UPS is 'graph,nitro'. Set none, or names out of channels_last,"),
        (OPEN | {"WAIT_FOR_ASSETS_SECONDS": "-1"}, "WAIT_FOR_ASSETS_SECONDS is '-1'. Set a number from 0 to 3600"),
        (OPEN | {"DEVICE": "tpu"}, "DEVICE is 'tpu'. Set one of auto, cpu, cuda"),
    ],
)
def test_a_bad_value_is_refused_with_variable_value_and_remedy(environment, sentence):
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(environment)
    assert str(refused.value).startswith(sentence)


def test_ways_of_working_faster_are_a_list_with_none_for_none():
    assert Settings.from_environment(OPEN).speed_ups == SPEED_UPS
    assert Settings.from_environment(OPEN | {"SPEED_UPS": "None"}).speed_ups == ()
    assert Settings.from_environment(OPEN | {"SPEED_UPS": "compile, graph"}).speed_ups == ("graph", "compile")


def test_secrets_are_in_no_text():
    settings = Settings.from_environment({"AUTH_TOKEN": "hush-1", "HF_TOKEN": "hush-1-longer"})
    assert "hush" not in repr(settings) + str(settings.public())
    assert settings.redact("hush-1-longer, hush-1") == "***, ***"
