"""Builds tiny models with random weights: the real classes of diffusers and transformers, nothing from a hub."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EDMDPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from studio.engines.upscale.network import RRDBNet

WIDTH = 32
TOKENS = 24


def build_set(folder: Path) -> Path:
    """Writes weights and a manifest below `folder` and returns the manifest's path."""
    torch.manual_seed(7)
    build_pipeline().save_pretrained(folder / "pipeline", variant="fp16")
    (folder / "upscaler").mkdir()
    save_file(build_upscaler().state_dict(), folder / "upscaler/tiny-x4.safetensors")
    build_scorer(folder / "scorer")
    card = {"license": "MIT"}
    manifest = {
        "name": "tiny",
        "title": "Tiny random models for tests",
        "baked": str(folder),
        "files": {},
        "models": [
            card
            | {
                "name": "tiny",
                "title": "Tiny",
                "type": "sdxl",
                "path": "pipeline",
                "native_sizes": [[64, 64], [96, 64], [64, 96]],
                "enlarge_beyond_native": True,
                "scheduler": "edm_dpm",
                "schedulers": ["edm_dpm", "edm_euler"],
            }
        ],
        "default_model": "tiny",
        "upscalers": {"photo": card | {"name": "tiny-x4", "title": "Tiny 4x", "path": "upscaler/tiny-x4.safetensors"}},
        "scorer": card
        | {
            "name": "tiny-scorer",
            "tower": "scorer",
            "head": "scorer/head.safetensors",
            "score_min": 1.0,
            "score_max": 10.0,
        },
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def build_pipeline(second_width: int = WIDTH) -> StableDiffusionXLPipeline:
    """An SDXL-type pipeline in the EDM form, with per-channel statistics of the latents as Playground has.

    `second_width`: of the second text encoder; in a single file the two are told apart by their widths.
    """
    text = {
        "hidden_size": WIDTH,
        "intermediate_size": 37,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TOKENS,
        "projection_dim": WIDTH,
        "vocab_size": 514,
        # The default ids lie outside of this vocabulary.
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
    }
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH + second_width,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTH + 6 * 8,
        sample_size=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        mid_block_add_attention=False,
        latents_mean=[-1.6, 1.9, -1.4, 2.5],
        latents_std=[8.5, 5.9, 6.5, 5.2],
        scaling_factor=0.5,
        force_upcast=False,
        sample_size=64,
    )
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(CLIPTextConfig(**text)),
        text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(**text | {"hidden_size": second_width})),
        tokenizer=build_tokenizer(),
        tokenizer_2=build_tokenizer(),
        unet=unet,
        scheduler=EDMDPMSolverMultistepScheduler(sigma_data=0.5, sigma_min=0.002, sigma_max=80.0),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def build_tokenizer() -> CLIPTokenizer:
    """One token for each byte, plain and at the end of a word, and two specials."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = [chr(code) for code in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    words = [*signs, *(sign + "</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    vocab = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=TOKENS)


def build_upscaler(blocks: int = 2, features: int = 8, growth: int = 4) -> RRDBNet:
    """A network whose last bias puts random output into the middle of the range."""
    network = RRDBNet(blocks, features, growth)
    with torch.no_grad():
        network.conv_last.bias.fill_(0.5)
    return network


def build_scorer(folder: Path, projection: int = 16) -> None:
    """Vision model and a head of three linear layers in the published key layout."""
    config = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        projection_dim=projection,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    head, inputs = {}, projection
    for number, outputs in ((0, 12), (2, 6), (4, 1)):
        head[f"layers.{number}.weight"] = torch.randn(outputs, inputs)
        head[f"layers.{number}.bias"] = torch.randn(outputs)
        inputs = outputs
    save_file(head, folder / "head.safetensors")


def build_siglip_scorer(folder: Path) -> None:
    """Vision model without a projection, and a pickled head with another name for its layers."""
    config = SiglipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    SiglipVisionModel(config).save_pretrained(folder)
    layers = torch.nn.Sequential(torch.nn.Linear(WIDTH, 8), torch.nn.Linear(8, 1))
    torch.save({f"scoring_head.{name}": tensor for name, tensor in layers.state_dict().items()}, folder / "head.pth")
