"""Route models: what this worker has, and what it may fetch. Loads nothing."""

from pathlib import Path

from studio.assets import Assets, weight_files
from studio.context import JobContext
from studio.contract.models import ModelsInput
from studio.digest import sha256_of
from studio.downloads import fetch
from studio.engines.caption.listing import caption_models
from studio.failures import StudioFailure
from studio.installed.cards import can_draw
from studio.installed.find import FOLDERS, Installed
from studio.installed.kinds import USABLE
from studio.manifest import File, ModelCard
from studio.media.addresses import AddressRefused, check_address

# Weights and what belongs to a folder of them. Pickles of unknown origin could run code.
ENDINGS = (".safetensors", ".pth", ".gguf", ".json", ".txt", ".model")


def run(input: ModelsInput, context: JobContext) -> dict:
    """The output of the contract without `meta`, which the job runner adds. Raises StudioFailure, Cancelled."""
    assets = Assets(context.settings)
    downloaded = _download(input.download, assets, context) if input.download else None
    output = {
        "route": "models",
        "checkpoints": _checkpoints(assets),
        "loras": [_entry(model, model.type in USABLE) for model in assets.installed("loras")],
        "vae": [_entry(model, False) for model in assets.installed("vae")],
        "controlnet": [_entry(model, False) for model in assets.installed("controlnet")],
        "upscalers": _upscalers(assets),
        "caption": caption_models(assets),
        "swarmui": [],
        "default_model": _default(assets),
    }
    return output if downloaded is None else output | {"downloaded": downloaded}


def _checkpoints(assets: Assets) -> list[dict]:
    """The worker's own first: one of them is the default."""
    entries, own = [], set()
    for card in _own(assets):
        path = _found(lambda card=card: assets.pipeline(card))
        own.add(path)
        facts = {"title": card.title, "license": card.license}
        entries.append(_line(card.name, card.type, path, True) | facts)
    for model in assets.installed("checkpoints"):
        if model.path not in own:
            entries.append(_entry(model, can_draw(model)))
    return entries


def _upscalers(assets: Assets) -> list[dict]:
    entries, own = [], set()
    for kind, card in assets.set.upscalers.items():
        path = _found(lambda kind=kind: assets.upscaler(kind)[1])
        own.add(path)
        entries.append(_line(card.name, kind, path, True) | {"title": card.title, "license": card.license})
    others = [model for model in assets.installed("upscalers") if model.path not in own]
    return entries + [_entry(model, False) for model in others]


def _own(assets: Assets) -> list[ModelCard]:
    """The default first. What MODEL_PATH leads to can be no model; then those of the set are told."""
    cards, default = _found(assets.own_models), _default(assets)
    own = assets.set.models if cards is None else cards.values()
    return sorted(own, key=lambda card: card.name != default)


def _default(assets: Assets) -> str | None:
    card = _found(assets.card)
    return card.name if card else None


def _found(find):
    try:
        return find()
    except StudioFailure:
        return None


def _entry(model: Installed, usable: bool) -> dict:
    return _line(model.name, model.type, model.path, usable)


def _line(name: str, kind: str, path: Path | None, usable: bool) -> dict:
    size = sum(file.stat().st_size for file in weight_files(path)) if path else None
    return {"name": name, "type": kind, "usable": usable and path is not None, "installed": bool(path), "bytes": size}


def _download(wanted: list, assets: Assets, context: JobContext) -> list[dict]:
    settings = context.settings
    if not settings.allow_model_download:
        detail = "'download' is off on this worker; its owner can allow it with ALLOW_MODEL_DOWNLOAD=1."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    folder = assets.download_folder()
    root = settings.model_root or settings.volume_root
    if not root.is_dir():
        # A folder made here would be on the container's disk and gone with it.
        raise StudioFailure("ASSET_MISSING", asset="volume", tried=str(root))
    files = [_file(one) for one in wanted]
    made = []
    for number, (one, file) in enumerate(zip(wanted, files, strict=True)):
        existed = (folder / file.filename).is_file()
        path = fetch(file, folder, _follow(context, number, len(files)), check=_guard(settings.allow_private))
        context.check_cancelled()
        digest = sha256_of(path)
        if file.sha256 not in (None, digest):
            detail = f"'{file.filename}' is there already with another SHA-256 ({digest}). Choose another 'filename'."
            raise StudioFailure("INVALID_INPUT", detail=detail)
        size = path.stat().st_size
        facts = {"bytes": size, "sha256": digest, "fetched": not existed}
        made.append({"category": one.category, "filename": one.filename} | facts)
    return made


def _guard(allow_private: bool):
    """Lets https into allowed networks pass: a job is written by whoever may use the endpoint."""

    def check(url: str) -> None:
        try:
            check_address(url, allow_private)
            if not url.startswith("https://"):
                # The first address is checked by the contract; this is one that a server redirects to.
                raise AddressRefused("it is redirected to one without https")
        except AddressRefused as refused:
            detail = f"An address in 'download' is refused: {refused}."
            raise StudioFailure("INVALID_INPUT", detail=detail) from None

    return check


def _file(one) -> File:
    if not one.filename.lower().endswith(ENDINGS):
        detail = f"'filename' is '{one.filename}'; it must end in {', '.join(ENDINGS)}."
        raise StudioFailure("INVALID_INPUT", detail=detail)
    below = FOLDERS.get(one.category, (one.category,))[0]
    sha256 = one.sha256.lower() if one.sha256 else None
    return File(url=one.url, filename=f"{below}/{one.filename}", sha256=sha256)


def _follow(context: JobContext, number: int, count: int):
    """Tells each percent of all files, or each 50 MB of one whose size nobody knows, and ends it on a cancel."""

    def report(name: str, done: int, total: int | None) -> None:
        context.check_cancelled()
        # Whole steps only: progress that changes is sent.
        share = done / total if total else 0
        size = f"{done // 50_000_000 * 50} MB" if not total else f"{round(100 * share)} % of {total // 1_000_000} MB"
        message = f"Fetching {name} ({number + 1} of {count}): {size}"
        context.progress("downloading", round(95 * (number + share) / count), message)

    return report
