"""Which models lie on a volume, what they are, and by which names they are found."""

import pytest

from studio.installed.find import cached_checkpoints, find, installed, nearest
from studio.installed.header import header_of
from studio.installed.kinds import checkpoint_type, folder_type, lora_type
from tests.installed_files import FLUX, FLUX_LORA, SDXL, SDXL_LORA, write, write_folder

UNET = "model.diffusion_model."


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        (SDXL, "sdxl"),
        (SDXL | {"edm_mean": (4,), "edm_std": (4,)}, "playground"),
        (FLUX, "flux"),
        ({UNET + name: shape for name, shape in FLUX.items()}, "flux"),
        (FLUX | {"distilled_guidance_layer.in_proj.bias": (1,)}, "chroma"),
        ({"single_stream_modulation.lin.weight": (1,)}, "flux2"),
        ({UNET + "joint_blocks.0.context_block.adaLN_modulation.1.bias": (1,)}, "sd3"),
        (
            {
                UNET + "input_blocks.0.0.weight": (320, 4, 3, 3),
                UNET + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
            },
            "sd15",
        ),
        (
            {
                UNET + "input_blocks.0.0.weight": (384, 4, 3, 3),
                UNET + "label_emb.0.0.weight": (1536, 2560),
                "conditioner.embedders.0.model.positional_embedding": (77, 1280),
            },
            "sdxl-refiner",
        ),
        (SDXL | {UNET + "input_blocks.0.0.weight": (320, 9, 3, 3)}, "inpainting"),
        ({"encoder.conv_in.weight": (128, 3, 3, 3)}, "unknown"),
    ],
)
def test_a_checkpoint_is_known_by_its_keys(tmp_path, shapes, kind):
    assert checkpoint_type(header_of(write(tmp_path / "a.safetensors", shapes))) == kind


@pytest.mark.parametrize(
    ("shapes", "notes", "kind"),
    [
        (SDXL_LORA, None, "sdxl"),
        (SDXL_LORA, {"ss_base_model_version": "playground-v2.5"}, "playground"),
        (SDXL_LORA, {"ss_tag_frequency": "playground"}, "sdxl"),
        ({"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 2048)}, None, "sdxl"),
        (
            {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768)},
            None,
            "sd15",
        ),
        ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280)}, None, "sdxl"),
        (FLUX_LORA, None, "flux"),
        ({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072)}, None, "flux"),
        ({"something.else": (1,)}, None, "unknown"),
    ],
)
def test_a_lora_is_known_by_what_it_was_trained_for(tmp_path, shapes, notes, kind):
    assert lora_type(header_of(write(tmp_path / "a.safetensors", shapes, notes))) == kind


def test_what_is_no_whole_file_has_no_header(tmp_path):
    assert header_of(write(tmp_path / "cut.safetensors", SDXL, cut=1)) is None
    (tmp_path / "text.safetensors").write_bytes(b"<html>not found</html>")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    assert header_of(tmp_path / "text.safetensors") is None
    assert header_of(tmp_path / "empty.safetensors") is None
    assert header_of(tmp_path / "gone.safetensors") is None


def test_a_folder_is_known_by_its_pipeline_and_sampler(tmp_path):
    assert folder_type(write_folder(tmp_path / "a", "StableDiffusionXLPipeline")) == "sdxl"
    assert folder_type(write_folder(tmp_path / "b", "StableDiffusionXLPipeline", "EDMEulerScheduler")) == "playground"
    assert folder_type(write_folder(tmp_path / "c", "FluxPipeline")) == "flux"
    assert folder_type(write_folder(tmp_path / "d", "KandinskyPipeline")) == "unknown"
    (tmp_path / "d/model_index.json").write_text("[")
    assert folder_type(tmp_path / "d") == "unknown"


def test_models_are_listed_from_the_folders_of_comfyui_and_swarmui(tmp_path):
    comfy, swarm = tmp_path / "models", tmp_path / "SwarmUI/Models"
    write(comfy / "checkpoints/painter.safetensors", SDXL)
    write(comfy / "checkpoints/makers/Sub/ink.safetensors", SDXL)
    write(comfy / "checkpoints/.hidden.safetensors", SDXL)
    write_folder(comfy / "diffusers/folded", "FluxPipeline")
    write(comfy / "diffusers/folded/unet/diffusion_pytorch_model.safetensors", FLUX)
    write_folder(comfy / "beside", "StableDiffusionXLPipeline")
    (comfy / "checkpoints/old.ckpt").write_bytes(b"pickle")
    write(swarm / "Stable-Diffusion/painter.safetensors", FLUX)
    write(swarm / "LoRA/brush.safetensors", SDXL_LORA)
    found = installed("checkpoints", [comfy, swarm])
    assert [(model.name, model.type) for model in found] == [
        ("beside", "sdxl"),
        ("folded", "flux"),
        ("makers/Sub/ink.safetensors", "sdxl"),
        ("painter.safetensors", "sdxl"),
    ]
    assert [(model.name, model.type) for model in installed("loras", [comfy, swarm])] == [("brush.safetensors", "sdxl")]


@pytest.mark.parametrize("name", ["painter", "painter.safetensors", "Painter.Safetensors", "ink", "makers\\sub\\ink"])
def test_a_model_is_found_by_name_with_and_without_the_ending(tmp_path, name):
    write(tmp_path / "checkpoints/painter.safetensors", SDXL)
    write(tmp_path / "checkpoints/makers/sub/ink.safetensors", SDXL)
    found = find(name, installed("checkpoints", [tmp_path]))
    assert found is not None and found.path.stem == ("ink" if "ink" in name else "painter")


def test_a_name_that_means_two_files_means_none(tmp_path):
    write(tmp_path / "loras/a/ink.safetensors", SDXL_LORA)
    write(tmp_path / "loras/b/ink.safetensors", SDXL_LORA)
    models = installed("loras", [tmp_path])
    assert find("ink", models) is None
    assert find("b/ink", models).path.parent.name == "b"


def test_a_cached_model_has_the_name_of_its_repository(tmp_path):
    folder = tmp_path / "huggingface-cache/hub/models--stability--sdxl-base--x/snapshots/0123"
    write_folder(folder, "StableDiffusionXLPipeline")
    assert [(model.name, model.path) for model in cached_checkpoints([tmp_path, tmp_path])] == [
        ("stability/sdxl-base--x", folder)
    ]


def test_the_nearest_names_come_first_and_are_five():
    known = ["painter.safetensors", "pointer", "print", "zebra", "pain", "train"]
    assert nearest("paintr", known)[0] == "painter.safetensors"
    assert len(nearest("paintr", known)) == 5
