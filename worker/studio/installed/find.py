"""Finds the models on the volume, in the folders that ComfyUI and SwarmUI have for them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.installed.header import header_of
from studio.installed.kinds import UNKNOWN, checkpoint_type, folder_type, lora_type

ENDING = ".safetensors"
# Folders of each category below a volume's folder of models, and below SwarmUI's.
FOLDERS = {
    "checkpoints": ("checkpoints", "diffusion_models", "unet", "diffusers", "Stable-Diffusion"),
    "loras": ("loras", "LoRA", "Lora"),
    "vae": ("vae", "VAE"),
    "controlnet": ("controlnet", "ControlNet"),
    "upscalers": ("upscale_models", "upscalers"),
}
# What the routes read. The pickles of .ckpt and .pt can run code, so nothing here opens them.
ENDINGS = {"upscalers": (ENDING, ".pth")}
# A model by its folder can lie in a folder of its maker; what is deeper is a part of a model.
DEPTH = 3
NEAREST = 5


@dataclass(frozen=True)
class Installed:
    """A model on the disk. `name` is its path below the category's folder, `type` one of installed.kinds."""

    name: str
    path: Path
    type: str

    @property
    def is_folder(self) -> bool:
        return self.path.is_dir()

    def is_called(self, name: str) -> bool:
        """Whether the name means this model: with or without the ending, in either case of letters."""
        return _bare(self.name) == _bare(name)


def installed(category: str, roots: Iterable[Path]) -> list[Installed]:
    """All models of a category below the folders of models `roots`, the first of each name, by name."""
    found: dict[str, Installed] = {}
    for root in roots:
        for folder in FOLDERS[category]:
            for path in _models(root / folder, ENDINGS.get(category, (ENDING,))):
                _add(found, category, path, root / folder)
        if category == "checkpoints":
            # A set's own models and cached ones lie beside the folders of the categories.
            for path in _folders(root):
                _add(found, category, path, root)
    return [found[name] for name in sorted(found)]


def cached_checkpoints(volumes: Iterable[Path]) -> list[Installed]:
    """Models that the platform keeps in the Hugging Face cache of a volume, named owner/name."""
    found = []
    for volume in volumes:
        for index in sorted(volume.glob("huggingface-cache/hub/models--*/snapshots/*/model_index.json")):
            found.append(Installed(cached_name(index.parent), index.parent, folder_type(index.parent)))
    return list({model.name: model for model in found}.values())


def cached_name(path: Path) -> str | None:
    """owner/name of a snapshot in a Hugging Face cache; None for any other folder."""
    if len(path.parts) < 4 or path.parent.name != "snapshots" or not path.parents[1].name.startswith("models--"):
        return None
    return path.parents[1].name.removeprefix("models--").replace("--", "/", 1)


def find(name: str, models: list[Installed]) -> Installed | None:
    """The model of this name; a name without its folder will do where only one model has it."""
    exact = [model for model in models if model.is_called(name)]
    if exact:
        return exact[0]
    loose = [model for model in models if _bare(model.path.name) == _bare(name)]
    return loose[0] if len(loose) == 1 else None


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names that are most like this one, the likest first."""

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, _bare(name), _bare(other)).ratio()

    return sorted(dict.fromkeys(known), key=likeness, reverse=True)[:NEAREST]


def _bare(name: str) -> str:
    name = name.replace("\\", "/").lower()
    return name.removesuffix(ENDING)


def _add(found: dict[str, Installed], category: str, path: Path, folder: Path) -> None:
    name = path.relative_to(folder).as_posix()
    if _bare(name) not in found:
        found[_bare(name)] = Installed(name, path, _type(category, path))


def _type(category: str, path: Path) -> str:
    if path.is_dir():
        return folder_type(path) if category == "checkpoints" else "diffusers"
    if path.suffix != ENDING:
        return UNKNOWN
    if category == "checkpoints":
        return checkpoint_type(header_of(path))
    return lora_type(header_of(path)) if category == "loras" else UNKNOWN


def _models(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Files with weights and folders in the layout of diffusers, whose own files are left out."""
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        if here != folder and ("model_index.json" in files or "config.json" in files):
            folders.clear()
            yield here
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(here.relative_to(folder).parts) >= DEPTH:
            folders.clear()
        for name in sorted(files):
            if name.lower().endswith(endings) and not name.startswith("."):
                yield here / name


def _folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if (path / "model_index.json").is_file())
