"""The text that a caption model is given, put together from mode, own prompt, length, options and variables. Pure."""

import re

from studio.contract.caption_texts import LENGTH_TEXT, LENGTHS, MISSING_VARIABLES, MODELS, OPTIONS, WORDS_TEXT
from studio.failures import StudioFailure

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")


def modes_of(model: str, variant: str) -> dict[str, str]:
    """Texts by mode. A variant that only a set knows has the modes of its family's default variant."""
    variants = MODELS[model]["variants"]
    return variants.get(variant, variants[MODELS[model]["default_variant"]])["modes"]


def build_prompt(asked, variant: str) -> str:
    """The whole text for `asked` (a caption input); empty for a model that needs none.

    Raises INVALID_INPUT for what this model does not know or cannot follow, and for missing variables.
    """
    modes = modes_of(asked.model, variant)
    if asked.mode not in modes:
        known = ", ".join(f"'{mode}'" for mode in modes)
        raise _invalid(f"'mode' is '{asked.mode}'; {variant} has {known}.")
    options = list(dict.fromkeys(asked.prompt_options or []))
    if not MODELS[asked.model]["follows_instructions"]:
        followers = ", ".join(f"'{name}'" for name, entry in MODELS.items() if entry["follows_instructions"])
        if options:
            raise _invalid(f"'prompt_options' is only for a model that follows instructions: {followers}.")
        if asked.length != LENGTHS[0]:
            taken = f"{asked.model} takes only '{LENGTHS[0]}'"
            raise _invalid(f"'length' is '{asked.length}'; {taken}. Others are for {followers}.")
    text = asked.prompt.strip() or modes[asked.mode]
    if asked.length != LENGTHS[0]:
        told = LENGTH_TEXT.format(length=asked.length)
        text += " " + (WORDS_TEXT.format(n=asked.length) if asked.length.isdigit() else told)
    if options:
        text += "\n\n" + " ".join(OPTIONS[name] for name in options)
    return _filled(text, asked.prompt_variables or {})


def _filled(text: str, values: dict[str, str]) -> str:
    names = dict.fromkeys(_VARIABLE.findall(text))
    missing = [name for name in names if not values.get(name, "").strip()]
    if missing:
        raise _invalid(MISSING_VARIABLES.format(names=", ".join(missing)))
    return _VARIABLE.sub(lambda found: values[found.group(1)], text)


def _invalid(detail: str) -> StudioFailure:
    return StudioFailure("INVALID_INPUT", detail=detail)
