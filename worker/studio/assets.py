"""Finds the set of models and its files, in a fixed order, and says what was tried when one is missing.

The environment goes before the set: MODEL_PATH, SIGLIP_PATH and PREDICTOR_WEIGHTS are the only place of what
they name. For everything else the order is: the folder named by MODEL_ROOT, the folder shipped with the
worker, the platform's cached model (Hugging Face cache on the volume), `models/` on the volume. With
ALLOW_DOWNLOAD what is nowhere is fetched to MODEL_ROOT or to the volume.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from studio.arrival import wait_for
from studio.context import JobContext
from studio.contract.caption_texts import MODELS
from studio.digest import sha256_of
from studio.downloads import fetch, follow
from studio.failures import StudioFailure
from studio.installed.cards import card_at, scorer_card
from studio.installed.find import Installed, cached_checkpoints, installed, nearest
from studio.manifest import (
    SETS,
    CaptionerCard,
    Manifest,
    ManifestError,
    ModelCard,
    SafetyCard,
    ScorerCard,
    UpscalerCard,
    read_manifest,
)
from studio.settings import VOLUMES, Settings

Found = TypeVar("Found")

WEIGHTS = (".safetensors", ".pth", ".bin")


class Assets:
    """One set of models and where its files lie."""

    def __init__(self, settings: Settings, job: JobContext | None = None):
        """Raises MODEL_NOT_FOUND or INVALID_INPUT for an unknown or malformed set.

        What is missing is waited for and fetched, as settings say, for a `job` that needs it: looking alone
        must not take minutes nor start a download of gigabytes.
        """
        self._settings = settings
        self._job = job
        self.manifest_path = _manifest_path(settings.model_set)
        try:
            self.set: Manifest = read_manifest(self.manifest_path)
        except ManifestError as error:
            raise StudioFailure("INVALID_INPUT", detail=f"The set of models is malformed: {error}.") from None

    @property
    def speed_ups(self) -> frozenset[str]:
        """Ways of working faster that the settings allow."""
        return frozenset(self._settings.speed_ups)

    @property
    def compiled(self) -> Path | None:
        """Folder on the volume for code that was compiled for one kind of GPU; None without a volume."""
        volume = self._settings.volume_root
        return volume / "compiled" if volume.is_dir() else None

    def places(self, relative: str, repository: str | None = None) -> list[Path]:
        """Where a file or folder of the set may lie, in the order in which it is searched."""
        settings = self._settings
        volumes = self._volumes()
        near = [settings.model_root] if settings.model_root else []
        near.append((self.manifest_path.parent / self.set.baked).resolve())
        cached = []
        if repository:
            name = "models--" + repository.replace("/", "--")
            for volume in volumes:
                snapshots = volume / "huggingface-cache/hub" / name / "snapshots"
                cached += sorted(snapshots.glob("*")) or [snapshots / "*"]
        return [root / relative for root in near] + cached + [volume / "models" / relative for volume in volumes]

    def installed(self, category: str) -> list[Installed]:
        """The models of a category that lie on the volume or in the platform's cache, by name."""
        models = installed(category, self.roots())
        if category != "checkpoints":
            return models
        known = {model.name for model in models}
        return models + [model for model in cached_checkpoints(self._volumes()) if model.name not in known]

    def roots(self) -> list[Path]:
        """The folders of models that a user fills, in the order in which they are searched."""
        near = [self._settings.model_root] if self._settings.model_root else []
        shared = [volume / below for volume in self._volumes() for below in ("models", "SwarmUI/Models")]
        return near + shared

    def download_folder(self) -> Path:
        """Where what is fetched goes to."""
        return self._settings.model_root or self._settings.volume_root / "models"

    def _volumes(self) -> list[Path]:
        return list(dict.fromkeys((self._settings.volume_root, *VOLUMES.values())))

    def own_models(self) -> dict[str, ModelCard]:
        """Cards by name: of MODEL_PATH, where something lies there, and of the set."""
        path = self._settings.model_path
        cards = [card_at(path, self.set.models)] if path and path.exists() else []
        return {card.name: card for card in (*self.set.models, *cards)}

    def card(self, name: str | None = None) -> ModelCard:
        """The card of a model, by name with or without `.safetensors`; the worker's default for None.

        Raises MODEL_NOT_FOUND; for MODEL_PATH also ASSET_MISSING, and INVALID_INPUT for what is no model.
        """
        path = self._settings.model_path
        if name is None and path:
            return card_at(self._patiently(lambda: _existing(path)), self.set.models)
        wanted = name or self.set.default_model
        cards = self.own_models()
        if not cards or wanted is None:
            raise self._not_in_set("image model")
        for spelling in (wanted, wanted.removesuffix(".safetensors")):
            if spelling in cards:
                return cards[spelling]
        raise StudioFailure("MODEL_NOT_FOUND", model=wanted, nearest=", ".join(nearest(wanted, cards)))

    def pipeline(self, card: ModelCard, patient: bool = True) -> Path:
        """The folder of a diffusion model, or its single file. Raises ASSET_MISSING for it or a part of it."""
        path = self._settings.model_path

        def look() -> Path:
            is_named = path and path.exists() and card_at(path, self.set.models).name == card.name
            found = path if is_named else self._find(card.path, card.repository)
            if found.is_dir():
                check_parts(found)
            return found

        return self._patiently(look) if patient else look()

    def upscaler(self, kind: str | None = None) -> tuple[UpscalerCard, Path | None]:
        """Card and file of an enlarger; None for the file of an optional one that is not there."""
        card = self.set.upscalers.get(kind or self.set.default_upscaler)
        if card is None:
            raise StudioFailure("MODEL_NOT_FOUND", model=kind, nearest=", ".join(self.set.upscalers))
        return card, self._patiently(lambda: self._find(card.path, None, card.optional))

    def missing_upscaler(self, kind: str | None = None) -> StudioFailure:
        """What to raise where an optional enlarger is needed after all."""
        card, _ = self.upscaler(kind)
        return _missing(card.path, self.places(card.path))

    def scorer(self) -> tuple[ScorerCard, Path, Path] | None:
        """Card, folder of the vision model and file of the head; None when the worker has no scorer."""
        settings = self._settings
        card = scorer_card(self.set, settings.scorer_tower, settings.scorer_head)
        if card is None:
            return None

        def look() -> tuple[Path | None, Path | None]:
            tower, head = settings.scorer_tower, settings.scorer_head
            return (
                _existing(tower) if tower else self._find(card.tower, card.repository, card.optional),
                _existing(head) if head else self._find(card.head, None, card.optional),
            )

        tower, head = self._patiently(look)
        return (card, tower, head) if tower and head else None

    def captioner(self, model: str, variant: str | None = None) -> tuple[CaptionerCard, Path]:
        """Card and folder of a caption model of the family `model`.

        Without a variant the family's own default, or the first that the set has of this family: a set may
        have small ones of its own. Raises MODEL_NOT_FOUND, ASSET_MISSING.
        """
        if not self.set.captioners:
            raise self._not_in_set("caption model")
        family = {card.name: card for card in self.set.captioners if card.model == model}
        if not family:
            have = dict.fromkeys(card.model for card in self.set.captioners)
            raise StudioFailure("MODEL_NOT_FOUND", model=model, nearest=", ".join(have))
        wanted = variant or MODELS[model]["default_variant"]
        if variant is None and wanted not in family:
            wanted = next(iter(family))
        if wanted not in family:
            raise StudioFailure("MODEL_NOT_FOUND", model=wanted, nearest=", ".join(list(family)[:5]))
        card = family[wanted]

        def look() -> Path:
            folder = self._find(card.path, card.repository)
            _existing(folder / "config.json")
            return _with_weights(folder, card.path)

        return card, self._patiently(look)

    def _not_in_set(self, asset: str) -> StudioFailure:
        return StudioFailure("ASSET_MISSING", asset=asset, tried=f"the set '{self.set.name}' names none")

    def safety(self) -> tuple[SafetyCard, Path]:
        """Card and folder of the safety model. Raises ASSET_MISSING, also when the set names none."""
        card = self.set.safety
        if card is None:
            tried = f"the set '{self.set.name}' names none"
            raise StudioFailure("ASSET_MISSING", asset="safety model", tried=tried)
        return card, self._patiently(lambda: _with_weights(self._find(card.path, card.repository), card.path))

    def _patiently(self, look: Callable[[], Found]) -> Found:
        return look() if self._job is None else wait_for(look, self._job)

    def _find(self, relative: str, repository: str | None, optional: bool = False) -> Path | None:
        tried = self.places(relative, repository)
        if self._settings.allow_download and self._job:
            self._fetch(relative, tried)
        for path in tried:
            if path.exists():
                return path
        if optional:
            return None
        raise _missing(relative, tried)

    def _fetch(self, relative: str, tried: list[Path]) -> None:
        # A folder that is there can be the rest of a download that broke off, so files are looked at one by one.
        folder = self.download_folder()
        if any(path.exists() for path in tried if path != folder / relative):
            return
        for file in (file for files in self.set.files.values() for file in files):
            if file.url and (file.filename == relative or file.filename.startswith(relative + "/")):
                fetch(file, folder, follow(self._job))


def check_parts(folder: Path) -> None:
    """Raises ASSET_MISSING for a part of a diffusion model in the layout of diffusers that is not there."""
    index = json.loads(_existing(folder / "model_index.json").read_text(encoding="utf-8"))
    for part, origin in index.items():
        # A part that the pipeline has but that is not used is listed as [null, null].
        if isinstance(origin, list) and origin[0]:
            _existing(folder / part)
            if _holds_weights(origin[1]) and not weight_files(folder / part):
                raise _missing(f"{part}/*.safetensors", [folder / part])


def weight_files(folder: Path) -> list[Path]:
    """Files with weights below a folder, or the file itself."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix in WEIGHTS and path.is_file())


def model_hash(path: Path) -> str | None:
    """SHA-256 of the largest weights file below `path`, in hex; read once per process and file."""
    files = weight_files(path)
    if not files:
        return None
    largest = max(files, key=lambda file: file.stat().st_size)
    state = largest.stat()
    return _sha256(largest, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=32)
def _sha256(path: Path, size: int, changed: int) -> str:
    return sha256_of(path)


def _manifest_path(name: str) -> Path:
    path = Path(name)
    if path.suffix == ".json":
        return _existing(path.absolute())
    known = sorted(file.stem for file in SETS.glob("*.json") if file.stem != "schema")
    if name not in known:
        raise StudioFailure("MODEL_NOT_FOUND", model=name, nearest=", ".join(known))
    return SETS / f"{name}.json"


def _holds_weights(class_name: str) -> bool:
    return "Tokenizer" not in class_name and not class_name.endswith(("Scheduler", "Processor", "FeatureExtractor"))


def _with_weights(folder: Path, name: str) -> Path:
    if not weight_files(folder):
        raise _missing(f"{name}/*.safetensors", [folder])
    return folder


def _existing(path: Path) -> Path:
    if not path.exists():
        raise _missing(path.name, [path])
    return path


def _missing(asset: str, tried: list[Path]) -> StudioFailure:
    return StudioFailure("ASSET_MISSING", asset=asset, tried=", ".join(str(path) for path in tried))
