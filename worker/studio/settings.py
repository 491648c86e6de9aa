"""The worker's settings: the only module that reads the environment."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from studio import __version__
from studio.bucket import Bucket, BucketError, read_bucket
from studio.contract.job import (
    CAPTION_POD_IDLE_S,
    GPU_IDLE_S,
    INLINE_RESULT_MB,
    LINK_EXPIRY_MAX_S,
    LINK_EXPIRY_MIN_S,
    LINK_EXPIRY_S,
    POD_IDLE_MIN_S,
    POD_IDLE_S,
    SOURCE_IMAGE_BYTES,
    SOURCE_IMAGE_BYTES_MAX,
    SOURCE_IMAGES,
    SOURCE_IMAGES_MAX,
)
from studio.pod import IDLE_ACTIONS, MANAGEMENT_URL, TELEMETRY_INTERVAL_S, Pod
from studio.variables import Reader, SettingsError

SECRET_VARIABLES = (
    "AUTH_TOKEN",
    "RUNPOD_AI_API_KEY",
    "RUNPOD_API_KEY",
    "HF_TOKEN",
    "CAPTION_OPENAI_KEY",
    "BUCKET_ACCESS_KEY_ID",
    "BUCKET_SECRET_ACCESS_KEY",
    "PUSH_TOKEN",
    "PUSH_HTTP_URL",
    "PUSH_WS_URL",
)

# Ways of working faster, each of which can be left out (SPEED_UPS): `none`, or a list of those to use.
SPEED_UPS = ("channels_last", "half_decoder", "record", "graph", "batch")
# Changes the rounding between the first images of a worker and later ones, so it must be asked for.
ASKED_SPEED_UPS = ("compile",)

# For clocks, about three months.
LONGEST_S = 2**23

# Where the platform mounts a network volume: another place in a Pod than in a serverless worker.
VOLUMES = {"serverless": Path("/runpod-volume"), "pod": Path("/workspace")}
# How long after its start a worker waits for models that are still being copied or mounted.
WAIT_FOR_ASSETS_S = 180.0


@dataclass(frozen=True)
class CaptionServer:
    """A server with an OpenAI-compatible API. `url` ends before `/chat/completions`."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that the environment decides. Paths are absolute; sizes in megabytes (10^6 bytes)."""

    run_mode: str = "pod"
    host: str = "0.0.0.0"
    port: int = 8000
    auth_token: str | None = field(default=None, repr=False)
    allow_no_auth: bool = False
    model_set: str = "core"
    model_root: Path | None = None
    model_path: Path | None = None
    scorer_tower: Path | None = None
    scorer_head: Path | None = None
    wait_for_assets_s: float = WAIT_FOR_ASSETS_S
    volume_root: Path = VOLUMES["pod"]
    temp_root: Path = Path(tempfile.gettempdir()) / "studio-jobs"
    allow_download: bool = False
    allow_model_download: bool = False
    device: str = "auto"
    speed_ups: tuple[str, ...] = SPEED_UPS
    warm_start: bool = False
    safety_check: bool = False
    watermark: str | None = None
    max_inline_mb: float = float(INLINE_RESULT_MB)
    max_image_mb: float = SOURCE_IMAGE_BYTES / 1e6
    max_images: int = SOURCE_IMAGES
    bucket: Bucket | None = None
    pod: Pod = Pod()
    allow_private: bool = False
    caption_server: CaptionServer | None = None
    debug: bool = False
    log_level: str = "INFO"
    worker_id: str = "local"
    version: str = __version__
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def local_files_only(self) -> bool:
        return not self.allow_download

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Reads `environ` (default: the process's). Raises SettingsError for a value out of place."""
        read = Reader(os.environ if environ is None else environ)
        serverless = bool(read.text("RUNPOD_WEBHOOK_GET_JOB"))
        run_mode = read.choice("RUN_MODE", ("serverless", "pod"), "serverless" if serverless else "pod")
        host = read.text("HOST") or cls.host
        settings = cls(
            run_mode=run_mode,
            host=host,
            port=read.number("PORT", cls.port, 0, 65535, whole=True),
            auth_token=read.text("AUTH_TOKEN"),
            allow_no_auth=read.switch("ALLOW_NO_AUTH"),
            model_set=read.text("MODEL_SET") or cls.model_set,
            model_root=read.path("MODEL_ROOT"),
            model_path=read.path("MODEL_PATH"),
            # Named after the first predictor they were made for; any pair whose sizes agree will do.
            scorer_tower=read.path("SIGLIP_PATH"),
            scorer_head=read.path("PREDICTOR_WEIGHTS"),
            wait_for_assets_s=read.number("WAIT_FOR_ASSETS_SECONDS", cls.wait_for_assets_s, 0, 3600),
            volume_root=read.path("VOLUME_ROOT") or _volume(run_mode),
            temp_root=read.path("TEMP_ROOT") or cls.temp_root,
            allow_download=read.switch("ALLOW_DOWNLOAD"),
            allow_model_download=read.switch("ALLOW_MODEL_DOWNLOAD"),
            device=read.choice("DEVICE", ("auto", "cpu", "cuda"), cls.device),
            # A serverless worker is started for a job; a Pod may stand for days before one comes.
            warm_start=read.switch("WARM_START", serverless),
            safety_check=read.switch("SAFETY_CHECK"),
            watermark=read.text("WATERMARK"),
            speed_ups=read.names("SPEED_UPS", SPEED_UPS, SPEED_UPS + ASKED_SPEED_UPS),
            max_inline_mb=read.number("MAX_INLINE_MB", cls.max_inline_mb, 0.001, 20),
            max_image_mb=read.number("MAX_IMAGE_MB", cls.max_image_mb, 0.1, SOURCE_IMAGE_BYTES_MAX / 1e6),
            max_images=read.number("MAX_IMAGES", cls.max_images, 1, SOURCE_IMAGES_MAX, whole=True),
            bucket=_bucket(read),
            pod=_pod(read),
            # Whoever may ask a server on the loopback address stands inside the network already.
            allow_private=read.switch("ALLOW_PRIVATE_ADDRESSES", run_mode == "pod" and _is_loopback(host)),
            caption_server=_caption_server(read),
            debug=read.switch("DEBUG"),
            log_level=read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), cls.log_level, upper=True),
            worker_id=read.text("RUNPOD_POD_ID") or cls.worker_id,
            secrets=tuple(value for value in map(read.text, SECRET_VARIABLES) if value),
        )
        settings._check()
        return settings

    def _check(self) -> None:
        if self.run_mode == "pod" and not self.auth_token and not self.allow_no_auth:
            raise SettingsError(
                "AUTH_TOKEN is not set, so anybody who knows the address could use this worker. "
                "Set AUTH_TOKEN to a long random text, or ALLOW_NO_AUTH=1 where nobody else reaches the port."
            )

    def redact(self, text: str, more: tuple[str, ...] = ()) -> str:
        """The text without the secrets of the environment, and `more`: for logs and for what users read."""
        # Longest first: a secret that is part of another must not break it open.
        for secret in sorted(self.secrets + more, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def public(self) -> dict:
        """The settings as JSON values, without secrets, for diagnostics."""
        hidden = {"auth_token", "secrets"}
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
        plain = {
            name: str(value) if isinstance(value, (Path, Bucket, Pod, CaptionServer)) else value
            for name, value in shown.items()
        }
        return plain | {"auth_token_set": bool(self.auth_token), "local_files_only": self.local_files_only}


# The keys of a job's `s3Config`, and the variables that stand for them.
_BUCKET_VARIABLES = {
    "endpointUrl": "BUCKET_ENDPOINT_URL",
    "accessId": "BUCKET_ACCESS_KEY_ID",
    "accessSecret": "BUCKET_SECRET_ACCESS_KEY",
    "bucketName": "BUCKET_NAME",
    "region": "BUCKET_REGION",
    "pathPrefix": "BUCKET_PREFIX",
    "publicBaseUrl": "BUCKET_PUBLIC_URL",
}


def _bucket(read: Reader) -> Bucket | None:
    given = {key: read.text(name) for key, name in _BUCKET_VARIABLES.items()}
    if not any(given.values()):
        return None
    values: dict[str, object] = {key: value for key, value in given.items() if value}
    expiry = read.number("BUCKET_LINK_EXPIRY_S", LINK_EXPIRY_S, LINK_EXPIRY_MIN_S, LINK_EXPIRY_MAX_S, whole=True)
    try:
        return read_bucket(values | {"linkExpiry": expiry}, trusted=True)
    except BucketError as error:
        text = str(error)
        for key, name in _BUCKET_VARIABLES.items():
            text = text.replace(f"'{key}'", name)
        raise SettingsError(f"The storage cannot be used: {text}. Set BUCKET_..., or remove all of them.") from None


def _pod(read: Reader) -> Pod:
    idle = CAPTION_POD_IDLE_S if read.text("MODEL_SET") == "caption" else POD_IDLE_S
    return Pod(
        id=read.text("RUNPOD_POD_ID"),
        region=read.text("RUNPOD_DC_ID"),
        endpoint_id=read.text("RUNPOD_ENDPOINT_ID"),
        vcpu_count=read.number("RUNPOD_CPU_COUNT", None, 0, 10_000, whole=True),
        gpu_count=read.number("RUNPOD_GPU_COUNT", None, 0, 10_000, whole=True),
        api_key=read.text("RUNPOD_API_KEY"),
        management_url=(read.text("RUNPOD_MANAGEMENT_URL") or MANAGEMENT_URL).rstrip("/"),
        idle_s=read.number("POD_IDLE_S", idle, POD_IDLE_MIN_S, LONGEST_S),
        gpu_idle_s=read.number("GPU_IDLE_S", GPU_IDLE_S, 0, LONGEST_S),
        max_lifetime_s=read.number("POD_MAX_LIFETIME_S", 0, 0, LONGEST_S),
        idle_action=read.choice("IDLE_ACTION", IDLE_ACTIONS, Pod.idle_action),
        telemetry_interval_s=read.number("TELEMETRY_INTERVAL", TELEMETRY_INTERVAL_S, 0.1, 1000),
        push_http_url=read.text("PUSH_HTTP_URL"),
        push_ws_url=read.text("PUSH_WS_URL"),
        push_token=read.text("PUSH_TOKEN"),
    )


def _caption_server(read: Reader) -> CaptionServer | None:
    if read.choice("CAPTION_BACKEND", ("local", "openai"), "local") == "local":
        return None
    url, model = read.text("CAPTION_OPENAI_URL"), read.text("CAPTION_OPENAI_MODEL")
    if not url or not model or not url.startswith(("http://", "https://")):
        raise SettingsError(
            "CAPTION_BACKEND is 'openai'. Set CAPTION_OPENAI_URL to the address of the server, such as "
            "http://127.0.0.1:8080/v1, and CAPTION_OPENAI_MODEL to the name of its model."
        )
    return CaptionServer(url.rstrip("/") + "/", model, read.text("CAPTION_OPENAI_KEY"))


def _volume(run_mode: str) -> Path:
    """The volume that is there, the one of the mode first: a server in pod mode can also stand on an endpoint."""
    usual = sorted(VOLUMES.values(), key=lambda path: path != VOLUMES[run_mode])
    return next((path for path in usual if path.is_dir()), usual[0])


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


# What the engines' libraries read from the environment when they are imported, and never again.
_LIBRARY_VARIABLES = {
    # Weights come from folders that were found or fetched by the manifest, never from a hub in a job.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    # Threads that wait for work must not burn the cores that another process needs.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def prepare_libraries() -> None:
    """Sets the variables that are not set yet. Call before torch or huggingface_hub is imported."""
    for name, value in _LIBRARY_VARIABLES.items():
        os.environ.setdefault(name, value)
