"""The full SDXL architecture and Real-ESRGAN x4plus with random weights, as files of a set of models."""

import json
from math import sqrt
from pathlib import Path

import place  # noqa: F401

UNET = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latents_mean": [-1.6574, 1.886, -1.383, 2.5155],
    "latents_std": [8.4927, 5.9022, 6.5498, 5.2299],
    "scaling_factor": 0.5,
    "force_upcast": True,
    "sample_size": 1024,
}
# Parameters in millions, so that a wrong figure above is noticed.
EXPECTED = {"unet": 2567.5, "vae": 83.7}
TEXT = {"vocab_size": 49408, "max_position_embeddings": 77, "bos_token_id": 512, "eos_token_id": 513}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
BIG_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}


def build_full_set(folder: Path) -> Path:
    """Writes about 7 GB and a manifest below `folder`; returns the manifest's path."""
    import torch
    from diffusers import AutoencoderKL, EDMDPMSolverMultistepScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from studio.engines.upscale.network import RRDBNet
    from tests.tiny_models import build_tokenizer

    torch.manual_seed(7)
    tokenizer = build_tokenizer()
    tokenizer.model_max_length = 77
    networks = {
        "unet": _random(lambda: UNet2DConditionModel(**UNET)),
        "vae": _random(lambda: AutoencoderKL(**VAE)),
        "text_encoder": _random(
            lambda: CLIPTextModel(CLIPTextConfig(**TEXT, **CLIP_L, projection_dim=768, pad_token_id=513))
        ),
        "text_encoder_2": _random(
            lambda: CLIPTextModelWithProjection(
                CLIPTextConfig(**TEXT, **BIG_G, projection_dim=1280, pad_token_id=0, hidden_act="gelu")
            )
        ),
    }
    for name, millions in EXPECTED.items():
        found = sum(parameter.numel() for parameter in networks[name].parameters()) / 1e6
        assert abs(found - millions) < 0.1, f"{name} has {found:.1f} M parameters instead of {millions}"
    pipe = StableDiffusionXLPipeline(
        **networks,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=EDMDPMSolverMultistepScheduler(sigma_data=0.5, sigma_min=0.002, sigma_max=80.0),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    pipe.save_pretrained(folder / "pipeline", variant="fp16")
    (folder / "upscaler").mkdir()
    save_file(_random(lambda: RRDBNet(23, 64, 32)).cpu().state_dict(), folder / "upscaler/x4plus.safetensors")
    del pipe, networks
    torch.cuda.empty_cache()
    return _manifest(folder)


def _random(build):
    """A network with noise in half precision, scaled as layers are at initialisation; norms at 1 and 0."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device(device):
            network = build()
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 1 / sqrt(parameter[0].numel()))
        for name, parameter in network.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return network.eval()


def _manifest(folder: Path) -> Path:
    card = {"license": "none: random weights"}
    model = {
        "name": "sdxl-architecture",
        "title": "SDXL architecture, random weights",
        "type": "sdxl",
        "path": "pipeline",
        "native_sizes": [[1024, 1024]],
        "scheduler": "edm_dpm",
        "schedulers": ["edm_dpm", "edm_euler"],
    }
    upscaler = {"name": "x4plus", "title": "x4plus architecture, random weights", "path": "upscaler/x4plus.safetensors"}
    manifest = {
        "name": "bench",
        "title": "Architecture benchmark, random weights",
        "baked": str(folder),
        "files": {},
        "models": [card | model],
        "default_model": model["name"],
        "upscalers": {"photo": card | upscaler},
    }
    path = folder / "bench.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path
