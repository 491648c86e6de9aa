"""Cards of models that no set describes, read from their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from studio.failures import StudioFailure
from studio.installed.find import Installed, cached_name
from studio.installed.header import header_of
from studio.installed.kinds import UNKNOWN, USABLE, checkpoint_type, folder_type
from studio.manifest import Manifest, ModelCard, ScorerCard

# What SDXL and Playground were trained at. Other shapes are drawn as asked: nothing is enlarged.
_SIZES = [[1024, 1024]]
_SAMPLERS = {"sdxl": ["euler"], "playground": ["edm_dpm", "edm_euler"], "flux": ["euler"]}
_TITLES = {"sdxl": "SDXL", "playground": "Playground v2.5", "flux": "FLUX"}
# The scale of the published aesthetic predictors, for a head of which no set tells it.
_SCORE_MIN, _SCORE_MAX = 1.0, 10.0


def title_of(kind: str) -> str:
    """The name for people of a type of model."""
    return _TITLES.get(kind, kind)


def can_draw(model: Installed) -> bool:
    """Whether the routes draw with this model. A file of FLUX holds its transformer alone."""
    return model.type in USABLE and (model.type != "flux" or model.is_folder)


def card_of(model: Installed, variable: str) -> ModelCard:
    """How to draw with a model by its type. Raises INVALID_INPUT, naming `variable`, for what is no such model."""
    if not can_draw(model):
        what = "of a type that nobody could tell from its files" if model.type == UNKNOWN else title_of(model.type)
        if model.type == "flux":
            what = "a part of FLUX alone"
        detail = (
            f"{variable} is '{model.name}', which is {what}; this route draws with SDXL and Playground v2.5 models, "
            "and with FLUX as a folder in the layout of diffusers."
        )
        raise StudioFailure("INVALID_INPUT", detail=detail)
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


def card_at(path: Path, cards: Iterable[ModelCard]) -> ModelCard:
    """The card of the model at this very path: one of `cards` where its name says so, else one of its own.

    Raises INVALID_INPUT for what is no model for images from text.
    """
    name = cached_name(path) or path.name
    kind = folder_type(path) if path.is_dir() else checkpoint_type(header_of(path))
    for card in cards:
        # The set knows its model's sizes and licence wherever its files lie.
        if path.is_dir() and name in (card.name, card.repository, Path(card.path).name):
            return card
    return card_of(Installed(name, path, kind), "MODEL_PATH")


def scorer_card(manifest: Manifest, tower: Path | None, head: Path | None) -> ScorerCard | None:
    """What the predictor is called and what its scores mean: a head that the operator names is another one.

    `tower` and `head` are the operator's, None for the set's. None where there is no predictor; raises
    ASSET_MISSING for a head without a vision model.
    """
    card = manifest.scorer
    if head is None or (card and head.name == Path(card.head).name):
        return card
    if card is None and tower is None:
        tried = f"the set '{manifest.name}' names none; set SIGLIP_PATH"
        raise StudioFailure("ASSET_MISSING", asset="vision model for PREDICTOR_WEIGHTS", tried=tried)
    return ScorerCard(
        name=head.stem,
        tower=card.tower if card else tower.name,
        repository=card.repository if card else None,
        head=head.name,
        score_min=_SCORE_MIN,
        score_max=_SCORE_MAX,
        license="unknown",
    )
