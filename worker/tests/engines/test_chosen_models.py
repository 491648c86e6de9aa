"""Models and LoRAs that a user put on the volume: drawn with, or refused before anything is loaded."""

import base64
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler
from PIL import Image
from safetensors.torch import save_file

from studio.assets import Assets
from studio.context import JobContext
from studio.contract.create import CreateInput, CreateOutput
from studio.failures import StudioFailure
from studio.installed.choose import choose
from studio.routes import create
from tests import single_file, tiny_models
from tests.installed_files import FLUX, FLUX_LORA, SDXL, SDXL_LORA, write


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """A volume with one SDXL model as a folder and as a file, and a LoRA; random weights."""
    root = tmp_path_factory.mktemp("volume")
    torch.manual_seed(3)
    pipe = tiny_models.build_pipeline(second_width=40)
    pipe.vae.register_to_config(latents_mean=None, latents_std=None, scaling_factor=0.13025)
    pipe.scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
    pipe.register_to_config(force_zeros_for_empty_prompt=True)
    pipe.save_pretrained(root / "models/diffusers/painter")
    single_file.write(pipe, root / "models/checkpoints/brush.safetensors")
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    (root / "models/loras").mkdir()
    save_file(
        {f"{name}.lora_A.weight": torch.randn(4, 32), f"{name}.lora_B.weight": torch.randn(32, 4)},
        root / "models/loras/ink.safetensors",
    )
    save_file({"unet.nowhere.lora_A.weight": torch.randn(4, 32)}, root / "models/loras/odd.safetensors")
    return root


@pytest.fixture
def settings(tiny_settings, volume):
    return replace(tiny_settings, volume_root=volume)


def ask(settings, **values):
    values = {"width": 256, "height": 256, "steps": 2, "seed": 5, "output_format": "png"} | values
    asked = CreateInput(route="create", prompt="a cat", **values)
    output = create.run(asked, JobContext("job-1", settings))
    CreateOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    return np.asarray(Image.open(BytesIO(base64.b64decode(output["image"]))), np.int16), output["metadata"]


@pytest.mark.slow
def test_a_folder_is_drawn_with_by_the_sampler_of_its_type(settings):
    pixels, metadata = ask(settings, model="painter")
    assert (metadata["model"], metadata["scheduler"], metadata["loras"]) == ("painter", "euler", [])
    own, _ = ask(settings)
    assert np.abs(pixels - own).max() > 0


@pytest.mark.slow
def test_a_single_file_draws_what_its_folder_draws_with_either_spelling(settings):
    # In half precision a difference in the last bit of a latent can be four of 255 in a pixel.
    settings = replace(settings, speed_ups=())
    folder, _ = ask(settings, model="painter")
    file, metadata = ask(settings, model="brush")
    assert (metadata["model"], metadata["scheduler"]) == ("brush.safetensors", "euler")
    assert np.abs(folder - file).max() <= 1
    assert ask(settings, model="brush.safetensors")[1]["worker"] == metadata["worker"]


@pytest.mark.slow
def test_a_lora_changes_the_image_by_its_weight_and_is_gone_afterwards(settings):
    plain, _ = ask(settings, model="painter")
    inked, metadata = ask(settings, model="painter", loras=[{"name": "ink", "weight": 2.0}])
    assert metadata["loras"] == [{"name": "ink.safetensors", "weight": 2.0}]
    none, _ = ask(settings, model="painter", loras=[{"name": "ink", "weight": 0.0}])
    assert np.abs(inked - plain).max() > np.abs(none - plain).max()
    again, _ = ask(settings, model="painter")
    assert np.array_equal(plain, again)


@pytest.mark.slow
def test_a_lora_that_holds_nothing_for_the_model_is_refused(settings):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: The LoRA 'odd.safetensors' does not fit the model"):
        ask(settings, model="painter", loras=[{"name": "odd"}])


@pytest.fixture
def shelf(tiny_settings, tmp_path):
    """Assets with files that have only headers: what is refused is refused by these."""
    write(tmp_path / "models/checkpoints/painter.safetensors", SDXL)
    write(tmp_path / "models/checkpoints/playful.safetensors", SDXL | {"edm_mean": (4,)})
    write(tmp_path / "models/unet/flux1-dev.safetensors", FLUX)
    write(tmp_path / "models/checkpoints/other.safetensors", {"weight": (1,)})
    write(tmp_path / "models/loras/ink.safetensors", SDXL_LORA)
    write(tmp_path / "models/loras/flow.safetensors", FLUX_LORA)
    return Assets(replace(tiny_settings, volume_root=tmp_path))


def wanted(name):
    return [SimpleNamespace(name=name, weight=1.0)]


@pytest.mark.parametrize(
    ("model", "lora", "sentence"),
    [
        ("paintr", None, "MODEL_NOT_FOUND: Model not found: 'paintr'.*painter.safetensors"),
        ("painter", "inkk", "MODEL_NOT_FOUND: Model not found: 'inkk'.*ink.safetensors, flow.safetensors"),
        (
            "flux1-dev",
            None,
            "INVALID_INPUT: 'model' is 'flux1-dev.safetensors', which is a part of FLUX alone; this route",
        ),
        ("other", None, "INVALID_INPUT: 'model' is 'other.safetensors', which is of a type that nobody could tell"),
        ("playful", "ink", "'ink.safetensors' was trained for SDXL and does not work on.*a Playground v2.5 model"),
        ("painter", "flow", "'flow.safetensors' was trained for FLUX and does not work on 'painter.safetensors'"),
    ],
)
def test_what_does_not_exist_or_does_not_go_together_is_refused(shelf, model, lora, sentence):
    with pytest.raises(StudioFailure, match=sentence):
        choose(shelf, model, wanted(lora) if lora else None)


def test_the_type_decides_the_samplers(shelf):
    plain = choose(shelf, "painter", wanted("ink"))
    assert (plain.card.type, plain.card.scheduler, plain.loras[0].weight) == ("sdxl", "euler", 1.0)
    assert choose(shelf, "playful").card.schedulers == ["edm_dpm", "edm_euler"]
    assert choose(shelf).card.name == choose(shelf, "tiny.safetensors").card.name == "tiny"
