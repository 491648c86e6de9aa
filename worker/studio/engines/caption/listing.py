"""Which caption models, modes and extra instructions there are, for lists and dropdowns. Loads nothing."""

from studio.assets import Assets
from studio.contract.caption_texts import MODELS, OPTIONS
from studio.engines.caption.prompt import modes_of
from studio.failures import StudioFailure


def caption_models(assets: Assets) -> dict:
    """By family: names of `variants`, `modes` and `prompt_options`, its `default_variant`, and what is `installed`."""
    return {model: _family(assets, model) for model in MODELS}


def _family(assets: Assets, model: str) -> dict:
    own = [card.name for card in assets.set.captioners if card.model == model]
    variants = list(dict.fromkeys([*MODELS[model]["variants"], *own]))
    return {
        "variants": variants,
        "default_variant": MODELS[model]["default_variant"],
        "installed": [name for name in own if _is_there(assets, model, name)],
        "modes": list(_all_modes(model)),
        "prompt_options": list(_options(model)),
    }


def _is_there(assets: Assets, model: str, variant: str) -> bool:
    try:
        return bool(assets.captioner(model, variant))
    except StudioFailure:
        return False


def modes_and_options(assets: Assets, name: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """Texts by mode and by extra instruction of a family or of one of its variants; None for an unknown name."""
    model = name if name in MODELS else model_of(assets, name)
    if model is None:
        return None
    return (_all_modes(name) if name in MODELS else modes_of(model, name)), _options(model)


def model_of(assets: Assets, variant: str) -> str | None:
    """The family of a variant: of the contract, or one that the set adds."""
    own = {card.name: card.model for card in assets.set.captioners}
    known = {name: model for model, entry in MODELS.items() for name in entry["variants"]}
    return (known | own).get(variant)


def _all_modes(model: str) -> dict[str, str]:
    """Modes of all variants; where they differ, the text of the default variant."""
    entry = MODELS[model]
    texts: dict[str, str] = {}
    for name in [*entry["variants"], entry["default_variant"]]:
        texts |= entry["variants"][name]["modes"]
    return texts


def _options(model: str) -> dict[str, str]:
    return dict(OPTIONS) if MODELS[model]["follows_instructions"] else {}
