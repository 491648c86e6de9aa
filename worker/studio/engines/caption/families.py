"""What differs between the five families: classes, what the processor is given, what of the text is the caption.

Image processors are taken in their Pillow form by name: with torchvision installed transformers would take
another one, and the same image could get another caption.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transformers import (
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    CLIPImageProcessorPil,
    Kosmos2_5ForConditionalGeneration,
    Kosmos2_5ImageProcessorPil,
    Kosmos2_5Processor,
    Kosmos2ForConditionalGeneration,
    Kosmos2Processor,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    SiglipImageProcessorPil,
    VisionEncoderDecoderModel,
    ViTImageProcessorPil,
)

from studio.contract.caption_texts import SYSTEM_TEXT

# A prompt that ends so is an instruction and no part of the caption.
_INSTRUCTION_ENDS = (":", "?", ".", "!", ">")


@dataclass(frozen=True)
class Family:
    """One architecture of transformers.

    `processor(folder, tokenizer)` builds the processor; `inputs(processor, images, prompt)` gives tensors by
    name for as many images, all with the same prompt; `caption(prompt, told)` makes the caption of what was
    decoded. `unquantized` names parts that keep 16 bits; `static_cache` says that its past may have a fixed place.
    """

    model: type
    processor: Callable
    inputs: Callable
    caption: Callable[[str, str], str]
    unquantized: tuple[str, ...] = ()
    static_cache: bool = False


def family_of(folder: Path) -> Family:
    """The family that `config.json` of the folder names. Raises ValueError for another architecture."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind not in _FAMILIES:
        raise ValueError(f"{folder} holds a model of the type '{kind}'; known are {', '.join(_FAMILIES)}")
    return _FAMILIES[kind]


def _beside(processor: type, images: type) -> Callable:
    """Builds a processor that only joins an image processor and a tokenizer."""
    return lambda folder, tokenizer: processor(images.from_pretrained(folder), tokenizer)


def _settings(folder: Path) -> dict:
    """What the folder says about its processor; older folders say nothing."""
    found = folder / "processor_config.json"
    return json.loads(found.read_text(encoding="utf-8")) if found.exists() else {}


def _completed(prompt: str, told: str) -> str:
    """`told` is what the model wrote behind the prompt."""
    told = told.strip()
    if not prompt or prompt.rstrip().endswith(_INSTRUCTION_ENDS):
        return told
    return f"{prompt.strip()} {told}".strip()


# --- joycaption ------------------------------------------------------------------------------------


def _llava_processor(folder: Path, tokenizer):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    own = _settings(folder)
    return LlavaProcessor(
        SiglipImageProcessorPil.from_pretrained(folder),
        tokenizer,
        patch_size=own.get("patch_size") or config["vision_config"]["patch_size"],
        vision_feature_select_strategy=config.get("vision_feature_select_strategy", "full"),
        image_token=tokenizer.convert_ids_to_tokens(config.get("image_token_id", config.get("image_token_index"))),
        num_additional_image_tokens=own.get("num_additional_image_tokens", 0),
        chat_template=tokenizer.chat_template or _chat_template(folder),
    )


def _chat_template(folder: Path) -> str | None:
    for name in ("chat_template.jinja", "chat_template.json"):
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            return json.loads(text)["chat_template"] if name.endswith(".json") else text
    return None


def _llava_inputs(processor, images, prompt: str):
    talk = [{"role": "system", "content": SYSTEM_TEXT}, {"role": "user", "content": prompt}]
    text = processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    if processor.image_token not in text:
        # Templates of chat models know no image; those of JoyCaption set it themselves.
        talk[1]["content"] = f"{processor.image_token}\n{prompt}"
        text = processor.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
    begins = processor.tokenizer.bos_token
    # The template writes the first token of a text itself; a second one would be read as a new text.
    special = not (begins and text.startswith(begins))
    return processor(images=images, text=[text] * len(images), add_special_tokens=special, return_tensors="pt")


# --- blip, blip2, vit-gpt2 -------------------------------------------------------------------------


def _begun(processor, images, prompt: str):
    text = [prompt] * len(images) if prompt else None
    return processor(images=images, text=text, return_tensors="pt")


def _blip2_processor(folder: Path, tokenizer):
    count = _settings(folder).get("num_query_tokens")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    seen = BlipImageProcessorPil.from_pretrained(folder)
    return Blip2Processor(seen, tokenizer, num_query_tokens=count or config.get("num_query_tokens", 32))


def _blip2_inputs(processor, images, prompt: str):
    # Without a text the processor leaves the places of the image out, which the model needs.
    return processor(images=images, text=[prompt] * len(images), return_tensors="pt")


@dataclass
class _Pair:
    """Image processor and tokenizer of a model that has no processor class."""

    image_processor: object
    tokenizer: object


def _pair_inputs(processor: _Pair, images, prompt: str):
    inputs = dict(processor.image_processor(images, return_tensors="pt"))
    if prompt:
        inputs["decoder_input_ids"] = processor.tokenizer([prompt] * len(images), return_tensors="pt").input_ids
    return inputs


# --- kosmos ----------------------------------------------------------------------------------------


def _kosmos_2_caption(prompt: str, told: str) -> str:
    # Places of objects come between tags; the words between <phrase> tags belong to the sentence.
    words = re.sub(r"<object>.*?</object>|</?(?:phrase|grounding|delimiter_of_multi_objects/?)>", "", told)
    own = re.sub(r"<[^>]*>", "", prompt)
    return re.sub(r"\s+", " ", _completed(own, words)).strip()


def _kosmos_25_caption(prompt: str, told: str) -> str:
    lines = re.sub(r"<bbox>.*?</bbox>", "", told).replace("<md>", "").replace("<ocr>", "")
    return lines.strip()


def _read_text(processor, images, prompt: str):
    return processor(images=images, text=[prompt] * len(images), return_tensors="pt")


def _kosmos_25_processor(folder: Path, tokenizer):
    places = _settings(folder).get("num_image_tokens", 2048)
    return Kosmos2_5Processor(Kosmos2_5ImageProcessorPil.from_pretrained(folder), tokenizer, num_image_tokens=places)


_FAMILIES = {
    "llava": Family(
        LlavaForConditionalGeneration,
        _llava_processor,
        _llava_inputs,
        lambda prompt, told: told.strip(),
        ("vision_tower", "multi_modal_projector", "lm_head"),
        static_cache=True,
    ),
    "blip": Family(BlipForConditionalGeneration, _beside(BlipProcessor, BlipImageProcessorPil), _begun, _completed),
    "blip-2": Family(
        Blip2ForConditionalGeneration,
        _blip2_processor,
        _blip2_inputs,
        _completed,
        ("vision_model", "qformer", "language_projection", "lm_head"),
    ),
    "kosmos-2": Family(
        Kosmos2ForConditionalGeneration,
        _beside(Kosmos2Processor, CLIPImageProcessorPil),
        _read_text,
        _kosmos_2_caption,
    ),
    "kosmos-2.5": Family(Kosmos2_5ForConditionalGeneration, _kosmos_25_processor, _read_text, _kosmos_25_caption),
    "vision-encoder-decoder": Family(
        VisionEncoderDecoderModel, _beside(_Pair, ViTImageProcessorPil), _pair_inputs, _completed
    ),
}
