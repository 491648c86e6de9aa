"""From images and a prompt to captions: one batch, each image with its own seed, anew where it got stuck."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from transformers import StoppingCriteria, StoppingCriteriaList

from studio.engines.caption.load import Captioner
from studio.engines.caption.sampling import drawing
from studio.engines.caption.written import Caption, written_well
from studio.engines.device import computing, count_parameters
from studio.engines.memory import within_memory

OnToken = Callable[[int], None]


def write_captions(
    captioner: Captioner,
    images: list[np.ndarray],
    prompt: str,
    params: dict,
    seeds: list[int],
    on_token: OnToken = lambda count: None,
    free: Callable[[], None] = lambda: None,
    static: bool = False,
) -> list[Caption]:
    """Captions of uint8 images (height, width, 3). `on_token` counts the tokens of the longest one.

    `static` keeps the memory of past tokens at one place, so that a GPU can record the whole step.
    `free` drops other models when memory runs out. Raises OUT_OF_MEMORY when not even one image fits.
    """

    def write(places: list[int], seeds: list[int]) -> list[tuple[str, int]]:
        return _within_memory(
            captioner, [images[place] for place in places], prompt, params, seeds, on_token, free, static
        )

    return written_well(write, seeds, params["temperature"] > 0)


def _within_memory(captioner, images, prompt, params, seeds, on_token, free, static) -> list[tuple[str, int]]:
    def whole():
        return _write(captioner, images, prompt, params, seeds, on_token, static)

    def singly():
        pairs = zip(images, seeds, strict=True)
        return [_write(captioner, [image], prompt, params, [seed], on_token, static)[0] for image, seed in pairs]

    # Beams of one image meet in a draw; for a draw of its own each image then goes alone.
    alone = params["num_beams"] > 1 and params["temperature"] > 0
    return within_memory([singly] if alone else [whole, singly], free)


def _write(captioner: Captioner, images, prompt, params, seeds, on_token, static) -> list[tuple[str, int]]:
    shown = [Image.fromarray(pixels, "RGB") for pixels in images]
    inputs = captioner.family.inputs(captioner.processor, shown, prompt)
    inputs = {name: _placed(value, captioner) for name, value in inputs.items()}
    with (
        computing(captioner.device, count_parameters(captioner.model)),
        torch.random.fork_rng([captioner.device.torch] if captioner.device.on_gpu else []),
    ):
        torch.manual_seed(seeds[0])
        ids = captioner.model.generate(**inputs, **generate_arguments(captioner, params, seeds, on_token, static))
    return [_told(captioner, row, inputs, prompt) for row in ids.cpu()]


def _placed(value, captioner: Captioner):
    if not isinstance(value, torch.Tensor):
        return value
    return value.to(captioner.device.torch, captioner.dtype if value.is_floating_point() else None)


def generate_arguments(
    captioner: Captioner, params: dict, seeds: list[int], on_token: OnToken, static: bool = False
) -> dict:
    """What `generate` gets. With one beam the draw is made by our own last step, so the search itself is greedy."""
    draws = params["temperature"] > 0
    beams = params["num_beams"]
    arguments = {
        "max_new_tokens": params["max_new_tokens"],
        "min_new_tokens": min(params["min_new_tokens"], params["max_new_tokens"]),
        "num_beams": beams,
        "repetition_penalty": float(params["repetition_penalty"]),
        "do_sample": draws and beams > 1,
        # Folders may bring settings of their own for what is not named here.
        "temperature": float(params["temperature"]) if draws and beams > 1 else None,
        "top_k": params["top_k"] if draws and beams > 1 else None,
        "top_p": float(params["top_p"]) if draws and beams > 1 else None,
        "stopping_criteria": StoppingCriteriaList([_Count(on_token)]),
    }
    if draws and beams == 1:
        arguments["logits_processor"] = drawing(params, seeds, captioner.device.torch)
    if static and captioner.family.static_cache and beams == 1:
        # transformers compiles the step of such a cache by itself, on a GPU.
        arguments |= {"cache_implementation": "static", "disable_compile": not captioner.device.on_gpu}
    return arguments


class _Count(StoppingCriteria):
    """Tells every token to somebody who may stop the whole by an exception."""

    def __init__(self, on_token: OnToken):
        self._on_token = on_token
        self._count = 0

    def __call__(self, input_ids: torch.LongTensor, scores, **_) -> torch.BoolTensor:
        self._count += 1
        self._on_token(self._count)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def _told(captioner: Captioner, row: torch.Tensor, inputs: dict, prompt: str) -> tuple[str, int]:
    tokenizer = captioner.processor.tokenizer
    given = inputs.get("decoder_input_ids", inputs.get("input_ids"))
    if given is not None:
        row = row[_same_beginning(row, given[0].cpu()) :]
    specials = torch.tensor([*tokenizer.all_special_ids, *_frame(captioner.model.config)])
    written = row[~torch.isin(row, specials)]
    return captioner.family.caption(prompt, tokenizer.decode(written)), len(written)


def _frame(config) -> list[int]:
    """Tokens around a text that the tokenizer does not always know as special ones, such as BLIP's first."""
    text = config.get_text_config()
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id")
    found = [getattr(part, name, None) for part in (config, text) for name in names]
    return [one for entry in found for one in (entry if isinstance(entry, list) else [entry]) if one is not None]


def _same_beginning(row: torch.Tensor, given: torch.Tensor) -> int:
    """How many tokens of the prompt stand at the beginning of the answer: some models repeat it, some do not."""
    length = min(len(row), len(given))
    same = (row[:length] == given[:length]).long()
    return int(same.cumprod(0).sum())
