"""Which number type a caption model is loaded in. Pure."""

from studio.contract.caption_texts import MODELS
from studio.failures import StudioFailure
from studio.manifest import CaptionerCard

QUANTIZED = ("8bit", "4bit")


def needs_of(card: CaptionerCard) -> dict[str, int]:
    """Least memory in GB by precision: the set's own word, else the contract's, else none needed."""
    known = MODELS[card.model]["variants"].get(card.name, {})
    return card.vram_gb or known.get("vram_gb") or {"bfloat16": 0}


def choose_precision(asked: str, card: CaptionerCard, total_bytes: int | None) -> str:
    """bfloat16, float16, float32, 8bit or 4bit. `total_bytes`: memory of the GPU, None without one.

    Raises INVALID_INPUT for a GPU that is too small for the model in any precision, and for 8bit and
    4bit without a GPU. What was asked for is not questioned otherwise.
    """
    if total_bytes is None:
        if asked in QUANTIZED:
            raise StudioFailure("INVALID_INPUT", detail=f"'precision' is '{asked}', which needs a CUDA GPU.")
        return "float32" if asked == "auto" else asked
    if asked != "auto":
        return asked
    # Drivers keep some of the memory to themselves: a card sold as 20 GB reports 19.6.
    total_gb = round(total_bytes / 2**30)
    needs = needs_of(card)
    for precision, least_gb in needs.items():
        if total_gb >= least_gb:
            return precision
    small = [name for name, model in MODELS.items() if not min(_least(model))]
    detail = (
        f"'model_variant' {card.name} needs a GPU with at least {min(needs.values())} GB of memory; "
        f"this one has {total_gb} GB. Choose a larger GPU, or 'model' {' or '.join(small)}."
    )
    raise StudioFailure("INVALID_INPUT", detail=detail)


def _least(model: dict) -> list[int]:
    return [min(variant["vram_gb"].values()) for variant in model["variants"].values()]
