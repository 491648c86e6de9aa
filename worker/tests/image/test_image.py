"""The image, really built and started: read-only, as an ordinary user, asked over HTTP for a picture."""

import base64
import json
import re
import signal
import socket
import time
import uuid
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.image.podman import WORKER, Podman, Unavailable, cache, prepare_tools

TAG = "localhost/runpod-studio-worker:cpu"
TOKEN = "image-secret-token"
LOOKS, LOOK_S = 3000, 0.1
# Without weights 0.9 GB are PyTorch's and its companions'; more means that something was doubled.
MOST_BYTES = 2_000_000_000


@pytest.fixture(scope="module")
def podman():
    try:
        prepare_tools()
        made = Podman(cache())
        made.prepare_base()
    except Unavailable as reason:
        pytest.skip(f"The image was not built: {reason}.")
    return made


@pytest.fixture(scope="module")
def image(podman):
    started = time.monotonic()
    podman.build(TAG, "--build-arg", "TORCH=cpu")
    print(f"built in {time.monotonic() - started:.1f} s, {podman.size(TAG) / 1e6:.0f} MB")
    return TAG


class Container:
    def __init__(self, podman: Podman, image: str):
        self.podman = podman
        self.name = f"studio-test-{uuid.uuid4().hex[:8]}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"AUTH_TOKEN": TOKEN, "MODEL_SET": "demo", "OMP_NUM_THREADS": "2"}
        started = time.monotonic()
        podman(
            "run", "--detach", "--name", self.name, "--network", "slirp4netns", "--publish", f"127.0.0.1:{port}:8000",
            "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--memory", "4g", "--pids-limit", "200",
            *(word for name, value in settings.items() for word in ("--env", f"{name}={value}")), image,
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, trust_env=False)
        self.until(lambda: self.answers("/health"))
        self.started_s = time.monotonic() - started

    def answers(self, path: str) -> bool:
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def until(self, wanted) -> None:
        for _ in range(LOOKS):
            if wanted():
                return
            time.sleep(LOOK_S)
        raise AssertionError(self.podman("logs", self.name, check=False))

    def remove(self) -> None:
        self.http.close()
        self.podman("rm", "--force", "--time", "0", self.name, check=False)


@pytest.fixture(scope="module")
def container(podman, image):
    made = Container(podman, image)
    print(f"answered {made.started_s:.1f} s after the start")
    yield made
    made.remove()


def test_it_draws_the_picture_that_was_asked_for(container):
    job = {"route": "create", "prompt": "a heart on a blue background", "seed": 7}
    job |= {"width": 256, "height": 256, "output_format": "png"}
    reply = container.http.post("/run", json={"input": job}).json()
    container.until(
        lambda: container.http.get(f"/status/{reply['id']}").json()["status"] not in ("IN_QUEUE", "IN_PROGRESS")
    )
    output = container.http.get(f"/status/{reply['id']}").json()["output"]
    data = base64.b64decode(output["image"])
    (container.podman.folder / "picture.png").write_bytes(data)
    pixels = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)
    assert pixels.shape == (256, 256, 3)
    # The ground is blue all around, and what stands in the middle is red.
    border = np.concatenate([pixels[:12].reshape(-1, 3), pixels[-12:].reshape(-1, 3)])
    ground, middle = np.median(border, axis=0), np.median(pixels[96:160, 96:160].reshape(-1, 3), axis=0)
    assert ground[2] > ground[0] + 40
    assert middle[0] > middle[1] + 60 and middle[0] > middle[2] + 60


def test_it_runs_as_an_ordinary_user_on_a_root_that_nobody_writes_to(container):
    def inside(*command: str) -> str:
        return container.podman("exec", container.name, *command, check=False)

    assert inside("id", "-u") == "1000"
    assert "Read-only file system" in inside("sh", "-c", "echo x > /app/x")
    status = inside("cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
    # No shell stands between the platform's signals and Python.
    assert inside("cat", "/proc/1/cmdline").replace("\0", " ").strip() == "python -u handler.py"


def test_it_is_healthy_by_its_own_check_and_closed_to_strangers(container):
    container.podman("healthcheck", "run", container.name)
    base = str(container.http.base_url)
    with httpx.Client(base_url=base, trust_env=False) as stranger:
        assert stranger.get("/").json() == {"ok": True, "service": "runpod-studio-worker"}
        assert stranger.get("/health").status_code == 401
    assert TOKEN not in container.podman("logs", container.name, check=False)


def test_it_holds_nothing_that_it_does_not_need(podman, image, container):
    assert podman.size(image) < MOST_BYTES
    history = podman("history", "--no-trunc", "--format", "json", image)
    assert TOKEN not in history
    look = "ls /app /app/demo_set /opt/venv/lib/python3.11/site-packages"
    listing = container.podman("exec", container.name, "sh", "-c", look).split()
    assert "studio" in listing and "torch" in listing and "weights" in listing
    assert "tests" not in listing and "training" not in listing
    assert [name for name in listing if re.match(r"nvidia(?!_ml)|pytest|triton|pip$", name)] == []
    made = json.loads(podman("image", "inspect", image))[0]
    assert made["Config"]["User"] == "1000" and made["Config"]["Cmd"] == ["python", "-u", "handler.py"]
    assert made["Healthcheck"]["Test"] == ["CMD", "python", "healthcheck.py"]


def test_asked_to_stop_it_ends_cleanly(podman, image):
    container = Container(podman, image)
    try:
        podman("kill", "--signal", str(int(signal.SIGTERM)), container.name)
        assert podman("wait", container.name) == "0"
        assert "Traceback" not in podman("logs", container.name, check=False)
    finally:
        container.remove()


def test_without_a_token_it_does_not_start(podman, image):
    said = podman("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", image, check=False)
    assert "AUTH_TOKEN is not set" in said


def test_a_wrong_build_argument_ends_the_build(podman, image):
    with pytest.raises(AssertionError, match="TORCH is 'rocm'; it must be cuda or cpu"):
        podman.build("localhost/runpod-studio-worker:wrong", "--build-arg", "TORCH=rocm")


def test_the_context_is_as_small_as_the_image_needs():
    patterns = (WORKER / ".dockerignore").read_text().split()
    assert "*" in patterns and not [pattern for pattern in patterns if "tests" in pattern]
