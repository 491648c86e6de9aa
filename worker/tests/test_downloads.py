"""Downloads against a real HTTP server of the standard library, which breaks off, lies and refuses on demand."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from studio.assets import Assets
from studio.context import JobContext
from studio.downloads import fetch, follow
from studio.failures import Cancelled, StudioFailure
from studio.manifest import File
from studio.settings import Settings

CONTENT = bytes(range(256)) * 12_000


class Server(ThreadingHTTPServer):
    """Serves CONTENT under any path. `break_after`: bytes of the first replies, then the connection ends."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.break_after, self.status, self.ranges = [], 200, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/weights"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = start + self.server.break_after.pop(0) if self.server.break_after else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def weights(server, **values):
    known = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
    return File(url=server.url, filename="models/weights.safetensors", **(known | values))


def get(file, folder, **options):
    return fetch(file, folder, pause=lambda seconds: None, **options)


def test_a_file_is_fetched_whole_and_only_once(server, tmp_path):
    seen = []
    path = get(weights(server), tmp_path, report=lambda name, done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    get(weights(server), tmp_path)
    assert len(server.ranges) == 1
    assert [entry.name for entry in path.parent.iterdir()] == ["weights.safetensors"]


def test_a_broken_off_download_goes_on_where_it_ended(server, tmp_path):
    server.break_after = [1_000_000, 500_000]
    assert get(weights(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges[0] is None
    assert 0 < int(server.ranges[1].removeprefix("bytes=").rstrip("-")) <= 1_000_000


def test_a_cancelled_download_is_resumed_by_the_next(server, tmp_path):
    def cancel(name, done, total):
        raise Cancelled("job-1")

    with pytest.raises(Cancelled):
        get(weights(server), tmp_path, report=cancel)
    assert not (tmp_path / "models/weights.safetensors").exists()
    assert get(weights(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1].startswith("bytes=")


def test_a_file_with_another_hash_never_gets_its_name(server, tmp_path):
    with pytest.raises(StudioFailure, match="NETWORK: 'models/weights.safetensors'.*SHA-256 is .* instead of 000"):
        get(weights(server, sha256="0" * 64), tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_of_another_size_is_refused(server, tmp_path):
    with pytest.raises(StudioFailure, match=f"has {len(CONTENT)} bytes instead of {len(CONTENT) - 1}"):
        get(weights(server, size=len(CONTENT) - 1), tmp_path)


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 4)])
def test_refusals_are_final_and_faults_are_tried_again(server, tmp_path, status, requests):
    server.status = status
    with pytest.raises(StudioFailure, match=f"NETWORK.*the server answered {status}"):
        get(weights(server), tmp_path)
    assert len(server.ranges) == requests


def test_no_file_may_leave_the_folder_of_models(server, tmp_path):
    with pytest.raises(StudioFailure, match="INVALID_INPUT.*leads out of the folder"):
        get(File(url=server.url, filename="models/../../outside"), tmp_path)
    assert server.ranges == []


def test_a_job_tells_its_downloads_and_ends_them_when_cancelled(server, tmp_path):
    seen = []
    context = JobContext("job-1", Settings(), seen.append, lambda: bool(seen))
    with pytest.raises(Cancelled):
        get(weights(server), tmp_path, report=follow(context))
    assert [progress["message"] for progress in seen] == ["Fetching models/weights.safetensors: 0 of 3 MB"]


def downloading_set(server, tiny_set, folder):
    """The tiny set without its upscaler, which the server has."""
    manifest = json.loads(tiny_set.read_text(encoding="utf-8"))
    manifest["upscalers"]["photo"]["path"] = "models/weights.safetensors"
    manifest["files"] = {"upscale_models": [weights(server).model_dump()]}
    path = folder / "set.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


@pytest.mark.slow
def test_what_is_missing_is_fetched_to_the_volume_where_that_is_allowed(server, tiny_set, tmp_path):
    name = str(downloading_set(server, tiny_set, tmp_path))
    volume = tmp_path / "volume"
    seen = []
    settings = Settings(model_set=name, volume_root=volume, allow_download=True)
    assets = Assets(settings, JobContext("job-1", settings, seen.append))
    assert assets.upscaler()[1].read_bytes() == CONTENT
    assert assets.upscaler()[1] == volume / "models/models/weights.safetensors"
    assert all(news["message"].startswith("Fetching models/weights.safetensors") for news in seen) and seen
    assert len(server.ranges) == 1


@pytest.mark.slow
def test_nothing_is_fetched_where_it_is_not_allowed(server, tiny_set, tmp_path):
    name = str(downloading_set(server, tiny_set, tmp_path))
    volume = tmp_path / "volume"
    settings = Settings(model_set=name, volume_root=volume, wait_for_assets_s=0)
    with pytest.raises(StudioFailure, match="ASSET_MISSING"):
        Assets(settings, JobContext("job-1", settings)).upscaler()
    # Health looks without following downloads.
    with pytest.raises(StudioFailure, match="ASSET_MISSING"):
        Assets(Settings(model_set=name, volume_root=volume, allow_download=True)).upscaler()
    assert server.ranges == []
