"""Sets of models and the search for their files."""

import hashlib
import json

import pytest

from studio.assets import Assets, model_hash
from studio.failures import StudioFailure
from studio.manifest import SETS, ManifestError, read_manifest, schema_text
from studio.settings import Settings

CORE = "playground-v2.5-1024px-aesthetic"


def test_the_schema_of_the_sets_is_up_to_date():
    assert (SETS / "schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", ["demo", "core"])
def test_the_sets_that_are_shipped_have_the_form(name):
    found = read_manifest(SETS / f"{name}.json")
    assert found.name == name
    assert found.default_model in {model.name for model in found.models}
    assert all(model.scheduler in model.schedulers for model in found.models)
    listed = {file.filename for files in found.files.values() for file in files}
    assert {card.path for card in found.upscalers.values()} <= listed
    assert all(file.license for files in found.files.values() for file in files)


def test_a_malformed_set_names_the_place(tmp_path):
    manifest = json.loads((SETS / "demo.json").read_text())
    manifest["models"][0]["native_sizes"] = [[130, 128]]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match="models.0.native_sizes.0.0.*multiple of 8"):
        read_manifest(path)
    with pytest.raises(StudioFailure, match="INVALID_INPUT: The set of models is malformed"):
        Assets(Settings(model_set=str(path)))


def test_an_unknown_set_names_those_that_exist():
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND: Model not found: 'cores'.*core, demo"):
        Assets(Settings(model_set="cores"))


def test_an_unknown_model_names_the_nearest(tiny_settings):
    assets = Assets(tiny_settings)
    assert assets.card("tiny.safetensors").name == "tiny"
    with pytest.raises(StudioFailure, match="MODEL_NOT_FOUND: Model not found: 'tinny'.*nearest names: tiny"):
        assets.card("tinny")


def pipeline_folder(folder):
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


def test_places_are_searched_in_order(tmp_path):
    volume = tmp_path / "volume"
    settings = Settings(model_set="core", model_root=tmp_path / "named", volume_root=volume)
    assets = Assets(settings)
    on_volume = pipeline_folder(volume / "models" / CORE)
    assert assets.pipeline(assets.card()) == on_volume
    snapshots = volume / "huggingface-cache/hub" / f"models--playgroundai--{CORE}" / "snapshots"
    cached = pipeline_folder(snapshots / "0123abc")
    assert assets.pipeline(assets.card()) == cached
    named = pipeline_folder(tmp_path / "named" / CORE)
    assert assets.pipeline(assets.card()) == named


def test_a_pipeline_without_the_weights_of_a_part_is_missing_an_asset(tmp_path):
    folder = pipeline_folder(tmp_path / CORE)
    index = {"unet": ["diffusers", "UNet2DConditionModel"], "image_encoder": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet").mkdir()
    assets = Assets(Settings(model_set="core", model_root=tmp_path))
    with pytest.raises(StudioFailure, match=r"ASSET_MISSING: Missing model file 'unet/\*\.safetensors'"):
        assets.pipeline(assets.card())


def test_the_hash_is_that_of_the_largest_weights_file(tmp_path):
    (tmp_path / "small.safetensors").write_bytes(b"1")
    (tmp_path / "large.safetensors").write_bytes(b"12345")
    (tmp_path / "notes.txt").write_bytes(b"1234567890")
    assert model_hash(tmp_path) == hashlib.sha256(b"12345").hexdigest()
    (tmp_path / "large.safetensors").write_bytes(b"12346")
    assert model_hash(tmp_path) == hashlib.sha256(b"12346").hexdigest()
