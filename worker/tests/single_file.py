"""Writes a tiny SDXL-type pipeline as one file in its authors' layout: the way back of what diffusers reads."""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
# Blocks of the tiny network: one layer each, text is attended to in the lower one.
_UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "down_blocks.1.attentions.0": "input_blocks.3.1",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.attentions.0": "output_blocks.0.1",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.attentions.1": "output_blocks.1.1",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.2.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_OPEN_CLIP = [
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("encoder.layers.", "transformer.resblocks."),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.out_proj", "attn.out_proj"),
    ("final_layer_norm", "ln_final"),
]


def write(pipe, path: Path) -> Path:
    """All weights of the pipeline in one file; settings and tokenizers stay behind."""
    tensors = {"model.diffusion_model." + _unet(name): value for name, value in pipe.unet.state_dict().items()}
    tensors |= {"first_stage_model." + _vae(name): value for name, value in pipe.vae.state_dict().items()}
    first = "conditioner.embedders.0.transformer."
    tensors |= {first + _prefixed(name): value for name, value in pipe.text_encoder.state_dict().items()}
    tensors |= _open_clip(pipe.text_encoder_2.state_dict())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, path)
    return path


def _unet(name: str) -> str:
    block = max((known for known in _UNET if name.startswith(known + ".")), key=len)
    rest = name[len(block) :]
    if "resnets" in block:
        for new, old in _RESNET.items():
            rest = rest.replace(f".{new}.", f".{old}.")
    return _UNET[block] + rest


def _vae(name: str) -> str:
    name = re.sub(r"encoder\.down_blocks\.(\d)\.resnets\.", r"encoder.down.\1.block.", name)
    name = re.sub(r"encoder\.down_blocks\.(\d)\.downsamplers\.0\.", r"encoder.down.\1.downsample.", name)
    name = re.sub(r"decoder\.up_blocks\.(\d)\.resnets\.", lambda found: f"decoder.up.{3 - int(found[1])}.block.", name)
    name = re.sub(
        r"decoder\.up_blocks\.(\d)\.upsamplers\.0\.", lambda found: f"decoder.up.{3 - int(found[1])}.upsample.", name
    )
    name = re.sub(r"mid_block\.resnets\.(\d)\.", lambda found: f"mid.block_{int(found[1]) + 1}.", name)
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def _prefixed(name: str) -> str:
    return name if name.startswith("text_model.") else "text_model." + name


def _open_clip(state: dict) -> dict:
    made, parts = {}, {}
    for name, value in state.items():
        name = name.removeprefix("text_model.")
        if name == "text_projection.weight":
            made["text_projection"] = value.T
            continue
        for new, old in _OPEN_CLIP:
            name = name.replace(new, old)
        found = re.fullmatch(r"(.*)\.self_attn\.([qkv])_proj\.(weight|bias)", name)
        if found:
            parts.setdefault(f"{found[1]}.attn.in_proj_{found[3]}", {})[found[2]] = value
        else:
            made[name] = value
    made |= {name: torch.cat([halves[part] for part in "qkv"]) for name, halves in parts.items()}
    return {"conditioner.embedders.1.model." + name: value for name, value in made.items()}
