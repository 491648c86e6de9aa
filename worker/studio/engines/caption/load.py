"""Loads a caption model: the classes of its family, processors that need no torchvision, the asked precision."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer

from studio.engines.caption.families import Family, family_of
from studio.engines.device import Device
from studio.manifest import CaptionerCard


@dataclass
class Captioner:
    """Model and processor in memory. `precision` is what it computes in."""

    card: CaptionerCard
    family: Family
    folder: Path
    model: torch.nn.Module
    processor: object
    device: Device
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        """Number type of what goes in: that of the weights, or of the computation of quantized ones."""
        return _DTYPES.get(self.precision, torch.bfloat16)


_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def load_captioner(card: CaptionerCard, folder: Path, precision: str, device: Device) -> Captioner:
    """`precision` as `choose_precision` gives it. Raises OSError or ValueError for a folder that does not fit."""
    family = family_of(folder)
    if precision in _DTYPES:
        model = family.model.from_pretrained(folder, dtype=_DTYPES[precision], local_files_only=True)
        model = model.to(device.torch)
    else:
        model = family.model.from_pretrained(
            folder,
            dtype=torch.bfloat16,
            quantization_config=_quantization(precision, family),
            device_map={"": device.torch},
            local_files_only=True,
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    processor = family.processor(folder, tokenizer)
    return Captioner(card, family, folder, model.eval().requires_grad_(False), processor, device, precision)


def _quantization(precision: str, family: Family):
    # Needs a package that only images for GPUs have; transformers imports it when the model is loaded.
    from transformers import BitsAndBytesConfig

    # The small vision tower loses most and gains least by fewer bits.
    keep = list(family.unquantized)
    if precision == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=keep)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=keep,
    )
