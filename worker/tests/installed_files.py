"""Writes files of weights that have the names and shapes of real models and no numbers in them."""

import json
from pathlib import Path

SDXL = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.label_emb.0.0.weight": (1280, 2816),
    "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
    "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,),
}
FLUX = {"double_blocks.0.img_attn.norm.key_norm.scale": (128,), "img_in.weight": (3072, 64)}
SDXL_LORA = {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": (8, 2048)}
FLUX_LORA = {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": (8, 3072)}


def write(path: Path, shapes: dict[str, tuple[int, ...]], notes: dict[str, str] | None = None, cut: int = 0) -> Path:
    """A safetensors file of zeros; `cut` bytes are missing at its end. Takes no space for the zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table, end = {"__metadata__": notes} if notes else {}, 0
    for name, shape in shapes.items():
        size = 2
        for edge in shape:
            size *= edge
        table[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end - cut)
    return path


def write_folder(path: Path, pipeline: str, sampler: str = "EulerDiscreteScheduler") -> Path:
    """A folder in the layout of diffusers with nothing in it but what tells its type."""
    (path / "scheduler").mkdir(parents=True)
    (path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (path / "scheduler/scheduler_config.json").write_text(json.dumps({"_class_name": sampler}))
    return path
