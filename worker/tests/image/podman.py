"""Builds and starts images without a Docker engine and without a registry, by podman and runc.

Everything it makes lies in the cache folder of the tests: the base image, the wheels, the layers. The
base stands in for python:3.11-slim-bookworm: the same Debian and Python, made from Debian's packages.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WORKER = Path(__file__).parents[2]
PACKAGES = ("podman", "buildah", "runc", "mmdebstrap", "slirp4netns")
BASE = "localhost/studio-python:3.11-slim-bookworm"
LOCKS = ("requirements-image.lock", "requirements-torch-cpu.lock")
LIMIT_S = 800
# Podman's defaults are above what an unprivileged container may ask for.
LIMITS = "default_ulimits = ['nofile=4096:4096', 'nproc=4096:4096']"


# 2.2 GB stay in the cache; while a layer is written it lies there twice.
NEEDED_BYTES = 5_000_000_000


class Unavailable(Exception):
    """No image can be built on this machine. The text says why."""


def cache() -> Path:
    """The cache folder of the project's scripts."""
    named = os.environ.get("STUDIO_CACHE")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named).absolute() if named else user / "n8n-nodes-runpod-studio") / "image"


def run(*command: str, env: dict | None = None, check: bool = True) -> str:
    """Output of a program; its last lines when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, env=env)
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command[:3])} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}"
        )
    return done.stdout + done.stderr if not check else done.stdout


def prepare_tools() -> None:
    """Installs what is missing, where that is possible. Raises Unavailable."""
    missing = [name for name in PACKAGES if shutil.which(name) is None]
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Unavailable("the image is built and started on Linux on x86_64 only")
    if os.geteuid() != 0:
        raise Unavailable("building and starting the image without a Docker engine takes root")
    cache().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache()).free
    if free < NEEDED_BYTES:
        raise Unavailable(f"it takes {NEEDED_BYTES / 1e9:g} GB of disk, and {free / 1e9:.1f} GB are free at {cache()}")
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise Unavailable(f"{', '.join(missing)} are missing, and there is no apt-get to install them with")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(install, capture_output=True, env=environment).returncode:
        subprocess.run(["apt-get", "update"], capture_output=True, env=environment)
        if subprocess.run(install, capture_output=True, env=environment).returncode:
            raise Unavailable(f"{', '.join(missing)} could not be installed by apt-get")


class Podman:
    """Podman with all its state below `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        storage, containers = folder / "storage.conf", folder / "containers.conf"
        storage.write_text(f"[storage]\ndriver = 'overlay'\ngraphroot = '{folder}/graph'\nrunroot = '{folder}/run'\n")
        containers.write_text(
            f"[containers]\n{LIMITS}\n[engine]\nruntime = 'runc'\ncgroup_manager = 'cgroupfs'\n"
            # No static_dir: the process that cleans up after a container looks below the graph root alone, and
            # without its word each end of a container is waited for 20 s.
            f"events_logger = 'file'\ntmp_dir = '{folder}/engine'\n"
            f"volume_path = '{folder}/volumes'\n[network]\nnetwork_config_dir = '{folder}/networks'\n"
        )
        self._env = {
            **os.environ,
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "TMPDIR": str(folder / "tmp"),
        }

    def __call__(self, *arguments: str, check: bool = True) -> str:
        return run("podman", *arguments, env=self._env, check=check).strip()

    def prepare_base(self) -> None:
        """The base image, from Debian's packages; made once."""
        if self("images", "--quiet", BASE):
            return
        tar = self.folder / "base.tar"
        if not tar.exists():
            part = self.folder / "base.part.tar"
            sources = [str(path) for path in Path("/etc/apt/sources.list.d").glob("*.sources")]
            sources += [str(path) for path in [Path("/etc/apt/sources.list")] if path.exists()]
            packages = "--include=ca-certificates,python3,python3-pip,python3-venv"
            try:
                run("mmdebstrap", "--variant=minbase", packages, "bookworm", str(part), *sources, env=self._env)
            except AssertionError as error:
                raise Unavailable(f"Debian's packages for the base could not be had ({str(error)[-200:]})") from None
            part.rename(tar)
        with tempfile.TemporaryDirectory(dir=self.folder) as context:
            os.link(tar, Path(context) / "base.tar")
            links = "ln -sf /usr/bin/python3 /usr/local/bin/python3 && ln -sf /usr/bin/python3 /usr/local/bin/python"
            (Path(context) / "Dockerfile").write_text(
                f"FROM scratch\nADD base.tar /\nRUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && {links}\n"
            )
            self("build", "--format", "docker", "--network", "host", "--tag", BASE, context)

    def wheels(self) -> Path:
        """Folder with the locked packages, fetched once by the pip of this environment, their hashes checked."""
        key = hashlib.sha256(b"".join((WORKER / name).read_bytes() for name in LOCKS)).hexdigest()[:12]
        folder = self.folder / f"wheels-{key}"
        if folder.exists():
            return folder
        part = self.folder / f"wheels-{key}.part"
        shutil.rmtree(part, ignore_errors=True)
        platforms = [
            f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "linux")
        ]
        files = [word for name in LOCKS for word in ("--requirement", str(WORKER / name))]
        only = ["--only-binary=:all:", "--no-deps", "--require-hashes", "--python-version=3.11", *platforms]
        run(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(part), *only, *files)
        part.rename(folder)
        return folder

    def build(self, tag: str, *arguments: str) -> str:
        """Builds worker/Dockerfile from the wheels; the log."""
        return self(
            "build", "--pull=never", "--network", "none", "--format", "docker", "--build-arg", f"BASE={BASE}",
            "--volume", f"{self.wheels()}:/wheels:ro", "--tag", tag, *arguments, str(WORKER),
        )  # fmt: skip

    def size(self, tag: str) -> int:
        """Bytes of the image with its base."""
        return json.loads(self("image", "inspect", tag))[0]["Size"]
