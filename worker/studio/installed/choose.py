"""Which model and which LoRAs a job means, and whether they go together. Refuses before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.assets import Assets, check_parts
from studio.failures import StudioFailure
from studio.installed.find import Installed, find, nearest
from studio.installed.kinds import UNKNOWN
from studio.manifest import ModelCard

# What SDXL and Playground were trained at. Other shapes are drawn as asked: nothing is enlarged.
_SIZES = [[1024, 1024]]
_SAMPLERS = {"sdxl": ["euler"], "playground": ["edm_dpm", "edm_euler"]}
_TITLES = {"sdxl": "SDXL", "playground": "Playground v2.5", "flux": "FLUX"}


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
            folders.append((card.type, assets.pipeline(card)))
        except StudioFailure:
            continue
    # One of the same type first: of another one, two parts have to be replaced.
    same = [path for kind, path in folders if kind == choice.card.type]
    return same + [path for kind, path in folders if kind in _SAMPLERS and path not in same]


def _model(assets: Assets, name: str | None) -> tuple[ModelCard, Path]:
    own = {card.name: card for card in assets.set.models}
    bare = name and name.removesuffix(".safetensors")
    if name is None or name in own or bare in own:
        card = assets.card(name)
        return card, assets.pipeline(card)
    models = assets.installed("checkpoints")
    found = find(name, models)
    if found is None:
        raise StudioFailure("MODEL_NOT_FOUND", model=name, nearest=_names(name, [*own, *(m.name for m in models)]))
    if found.type not in _SAMPLERS:
        what = "of a type that nobody could tell from its files" if found.type == UNKNOWN else _title(found.type)
        detail = f"'model' is '{found.name}', which is {what}; this route draws with SDXL and Playground v2.5 models."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    if found.is_folder:
        check_parts(found.path)
    return _card(found), found.path


def _lora(assets: Assets, card: ModelCard, path: Path, asked) -> Lora:
    models = assets.installed("loras")
    found = find(asked.name, models)
    if found is None:
        raise StudioFailure("MODEL_NOT_FOUND", model=asked.name, nearest=_names(asked.name, [m.name for m in models]))
    if found.type not in (UNKNOWN, card.type):
        # Of the same shapes as SDXL, Playground would take its LoRAs without a word and draw rubbish.
        detail = (
            f"The LoRA '{found.name}' was trained for {_title(found.type)} and does not work on '{card.name}', "
            f"a {_title(card.type)} model. Choose a LoRA and a model of the same type."
        )
        raise StudioFailure("INVALID_INPUT", detail=detail)
    return Lora(found.name, found.path, asked.weight)


def _card(model: Installed) -> ModelCard:
    samplers = _SAMPLERS[model.type]
    return ModelCard(
        name=model.name,
        title=model.name,
        type=model.type,
        path=model.name,
        native_sizes=_SIZES,
        scheduler=samplers[0],
        schedulers=samplers,
        license="unknown",
    )


def _title(kind: str) -> str:
    return _TITLES.get(kind, kind)


def _names(name: str, known: list[str]) -> str:
    return ", ".join(nearest(name, known)) or "none is installed"
