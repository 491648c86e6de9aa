"""Which model and which LoRAs a job means, and whether they go together. Refuses before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.assets import Assets, check_parts
from studio.failures import StudioFailure
from studio.installed.cards import card_of, title_of
from studio.installed.find import find, nearest
from studio.installed.kinds import SDXL_LIKE, UNKNOWN
from studio.manifest import ModelCard


@dataclass(frozen=True)
class Lora:
    """A file of changes to a model's weights, and how strongly they count."""

    name: str
    path: Path
    weight: float


@dataclass(frozen=True)
class Choice:
    """A diffusion model with its LoRAs. `path` is a folder in the layout of diffusers or a single file."""

    card: ModelCard
    path: Path
    loras: tuple[Lora, ...] = ()


def choose(assets: Assets, name: str | None = None, loras: list | None = None) -> Choice:
    """The model `name` (the set's default for None) with `loras` ({name, weight} each).

    Raises MODEL_NOT_FOUND with the nearest names, ASSET_MISSING for a part of a model, INVALID_INPUT for
    what is no model for images from text and for a LoRA of another type of model.
    """
    card, path = _model(assets, name)
    return Choice(card, path, tuple(_lora(assets, card, path, one) for one in loras or []))


def config_donors(assets: Assets, choice: Choice) -> list[Path]:
    """Folders from which a single file can have what it does not hold: settings of its parts and tokenizers.

    SDXL and Playground share their architecture and their tokenizers. Empty for a model that is a folder.
    """
    if choice.path.is_dir():
        return []
    folders = [(model.type, model.path) for model in assets.installed("checkpoints") if model.is_folder]
    for card in assets.set.models:
        try:
            path = assets.pipeline(card, patient=False)
        except StudioFailure:
            continue
        if path.is_dir():
            folders.append((card.type, path))
    # One of the same type first: of another one, two parts have to be replaced.
    same = [path for kind, path in folders if kind == choice.card.type]
    return same + [path for kind, path in folders if kind in SDXL_LIKE and path not in same]


def _model(assets: Assets, name: str | None) -> tuple[ModelCard, Path]:
    own = assets.own_models()
    if name is None or name in own or name.removesuffix(".safetensors") in own:
        card = assets.card(name)
        return card, assets.pipeline(card)
    models = assets.installed("checkpoints")
    found = find(name, models)
    if found is None:
        raise StudioFailure("MODEL_NOT_FOUND", model=name, nearest=_names(name, [*own, *(m.name for m in models)]))
    card = card_of(found, "'model'")
    if found.is_folder:
        check_parts(found.path)
    return card, found.path


def _lora(assets: Assets, card: ModelCard, path: Path, asked) -> Lora:
    models = assets.installed("loras")
    found = find(asked.name, models)
    if found is None:
        raise StudioFailure("MODEL_NOT_FOUND", model=asked.name, nearest=_names(asked.name, [m.name for m in models]))
    if found.type not in (UNKNOWN, card.type):
        # Of the same shapes as SDXL, Playground would take its LoRAs without a word and draw rubbish.
        detail = (
            f"The LoRA '{found.name}' was trained for {title_of(found.type)} and does not work on '{card.name}', "
            f"a {title_of(card.type)} model. Choose a LoRA and a model of the same type."
        )
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return Lora(found.name, found.path, asked.weight)


def _names(name: str, known: list[str]) -> str:
    return ", ".join(nearest(name, known)) or "none is installed"
