"""Route models: what is listed, and what may be fetched."""

import hashlib
import socket

import httpx
import pytest

from studio import downloads
from studio.context import JobContext
from studio.contract.models import ModelsInput, ModelsOutput
from studio.failures import Cancelled, StudioFailure
from studio.routes import models
from studio.settings import Settings
from tests.installed_files import FLUX, SDXL, SDXL_LORA, write

CONTENT = b"0123456789" * 1000


def ask(settings, context=None, **values):
    return models.run(ModelsInput(route="models", **values), context or JobContext("job-1", settings))


def names(entries):
    return [(entry["name"], entry["type"], entry["usable"]) for entry in entries]


def test_the_set_and_the_volume_are_listed(tmp_path):
    volume = tmp_path / "volume/models"
    write(volume / "checkpoints/painter.safetensors", SDXL)
    write(volume / "checkpoints/broken.safetensors", SDXL, cut=10)
    write(volume / "unet/flux1-dev.safetensors", FLUX)
    write(volume / "loras/ink.safetensors", SDXL_LORA)
    (volume / "upscale_models").mkdir()
    (volume / "upscale_models/4x-other.pth").write_bytes(b"x")
    output = ask(Settings(model_set="demo", volume_root=tmp_path / "volume"))
    ModelsOutput.model_validate(output | {"meta": {"job_id": "job-1", "duration_ms": 1}})
    assert output["default_model"] == "studio-demo"
    assert names(output["checkpoints"]) == [
        ("studio-demo", "sdxl", True),
        ("broken.safetensors", "unknown", False),
        ("flux1-dev.safetensors", "flux", False),
        ("painter.safetensors", "sdxl", True),
    ]
    assert output["checkpoints"][0]["bytes"] > 1_000_000
    assert names(output["loras"]) == [("ink.safetensors", "sdxl", True)]
    assert ("studio-demo-x4", "photo", True) in names(output["upscalers"])
    assert ("4x-other.pth", "unknown", False) in names(output["upscalers"])
    assert "downloaded" not in output


def test_a_model_of_the_set_that_is_not_there_is_told(tmp_path):
    first = ask(Settings(model_set="core", volume_root=tmp_path))["checkpoints"][0]
    assert (first["installed"], first["usable"], first["bytes"]) == (False, False, None)


def loras(*names, **values):
    return [{"category": "loras", "url": f"https://files.example/{name}", "filename": name} | values for name in names]


@pytest.fixture
def stub(monkeypatch):
    """Stands for the internet: public addresses, and hosts that answer what `replies` says."""
    asked = []
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]
    private = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: private if host == "inside.example" else public)

    def answer(request):
        asked.append(str(request.url))
        if request.url.path == "/moved":
            return httpx.Response(302, headers={"Location": "https://files.example/file"})
        if request.url.path == "/plain":
            return httpx.Response(302, headers={"Location": "http://files.example/file"})
        if request.url.path == "/trap":
            return httpx.Response(302, headers={"Location": "https://inside.example/secrets"})
        # As a stream, which is how a server sends it.
        return httpx.Response(200, headers={"Content-Length": str(len(CONTENT))}, content=iter([CONTENT]))

    def client(check):
        hooks = {"request": [lambda request: check(str(request.url))]}
        return httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True, event_hooks=hooks)

    monkeypatch.setattr(downloads, "open_client", client)
    return asked


@pytest.fixture
def allowed(tmp_path):
    return Settings(model_set="demo", volume_root=tmp_path, allow_model_download=True)


def test_files_are_fetched_into_the_volume_and_told_with_their_hash(stub, allowed, tmp_path):
    seen = []
    digest = hashlib.sha256(CONTENT).hexdigest()
    wanted = loras("a.safetensors", sha256=digest.upper()) + loras("b.safetensors")
    output = ask(allowed, JobContext("j", allowed, seen.append), download=wanted)
    assert [(one["filename"], one["sha256"], one["fetched"]) for one in output["downloaded"]] == [
        ("a.safetensors", digest, True),
        ("b.safetensors", digest, True),
    ]
    assert (tmp_path / "models/loras/a.safetensors").read_bytes() == CONTENT
    assert [entry["name"] for entry in output["loras"]] == ["a.safetensors", "b.safetensors"]
    assert seen[-1]["stage"] == "downloading" and seen[-1]["percent"] == 95
    assert "Fetching loras/b.safetensors (2 of 2): 100 %" in seen[-1]["message"]
    again = ask(allowed, download=wanted)
    assert [one["fetched"] for one in again["downloaded"]] == [False, False]
    assert len(stub) == 2


def test_redirects_are_followed_as_far_as_they_stay_public(stub, allowed, tmp_path):
    one = {"category": "loras", "filename": "a.safetensors"}
    ask(allowed, download=[one | {"url": "https://files.example/moved"}])
    assert stub == ["https://files.example/moved", "https://files.example/file"]
    with pytest.raises(StudioFailure, match="INVALID_INPUT.*redirected to one without https"):
        ask(allowed, download=[one | {"url": "https://files.example/plain", "filename": "b.safetensors"}])
    with pytest.raises(StudioFailure, match="INVALID_INPUT: An address in 'download' is refused: its host 'inside"):
        ask(allowed, download=[one | {"url": "https://files.example/trap", "filename": "b.safetensors"}])
    assert not (tmp_path / "models/loras/b.safetensors").exists()


def test_a_file_with_another_hash_never_gets_its_name(stub, allowed, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "FIRST_PAUSE_S", 0)
    with pytest.raises(StudioFailure, match="NETWORK: 'loras/a.safetensors'.*SHA-256"):
        ask(allowed, download=loras("a.safetensors", sha256="0" * 64))
    assert list((tmp_path / "models/loras").iterdir()) == []


def test_a_file_that_is_there_is_never_replaced(stub, allowed, tmp_path):
    (tmp_path / "models/loras").mkdir(parents=True)
    (tmp_path / "models/loras/a.safetensors").write_bytes(b"mine")
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'loras/a.safetensors' is there already with another"):
        ask(allowed, download=loras("a.safetensors", sha256="0" * 64))
    assert (tmp_path / "models/loras/a.safetensors").read_bytes() == b"mine"
    assert stub == []


def test_a_cancelled_download_ends(stub, allowed, tmp_path):
    seen = []
    context = JobContext("j", allowed, seen.append, lambda: bool(seen))
    with pytest.raises(Cancelled):
        ask(allowed, context, download=loras("a.safetensors", "b.safetensors"))
    assert not (tmp_path / "models/loras/b.safetensors").exists()


@pytest.mark.parametrize("name", ["a.ckpt", "a.py", "a", "a.safetensors.exe"])
def test_only_files_of_models_are_fetched(stub, allowed, name):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'filename' is"):
        ask(allowed, download=loras(name))
    assert stub == []


def test_no_file_may_leave_the_folder_of_models(stub, allowed):
    with pytest.raises(StudioFailure, match="INVALID_INPUT.*leads out of the folder"):
        ask(allowed, download=loras("x/../../../outside.safetensors"))
    assert stub == []


def test_downloads_are_off_unless_the_owner_allows_them(stub, tmp_path):
    with pytest.raises(StudioFailure, match="INVALID_INPUT: 'download' is off.*ALLOW_MODEL_DOWNLOAD=1"):
        ask(Settings(model_set="demo", volume_root=tmp_path), download=loras("a.safetensors"))
    assert stub == []


def test_without_a_volume_nothing_is_fetched(stub, tmp_path):
    settings = Settings(model_set="demo", volume_root=tmp_path / "gone", allow_model_download=True)
    with pytest.raises(StudioFailure, match="ASSET_MISSING: Missing model file 'volume'"):
        ask(settings, download=loras("a.safetensors"))
    assert stub == []
