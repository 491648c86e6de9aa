"""What a worker that runs in a Pod knows of its place, and when it may end it. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from studio.contract.job import GPU_IDLE_S, POD_IDLE_S

IdleAction = Literal["terminate", "stop", "none"]
IDLE_ACTIONS: tuple[IdleAction, ...] = ("terminate", "stop", "none")
MANAGEMENT_URL = "https://api.runpod.io/v2"
TELEMETRY_INTERVAL_S = 2.0


@dataclass(frozen=True)
class Pod:
    """The platform's variables and the operator's; times in seconds, 0 switches a clock off.

    `api_key` is the key that the platform gives a Pod for itself.
    """

    id: str | None = None
    region: str | None = None
    endpoint_id: str | None = None
    vcpu_count: int | None = None
    gpu_count: int | None = None
    api_key: str | None = field(default=None, repr=False)
    management_url: str = MANAGEMENT_URL
    idle_s: float = POD_IDLE_S
    gpu_idle_s: float = GPU_IDLE_S
    max_lifetime_s: float = 0
    idle_action: IdleAction = "terminate"
    telemetry_interval_s: float = TELEMETRY_INTERVAL_S
    # Addresses of push receivers often hold a key.
    push_http_url: str | None = field(default=None, repr=False)
    push_ws_url: str | None = field(default=None, repr=False)
    push_token: str | None = field(default=None, repr=False)

    @property
    def can_end_itself(self) -> bool:
        """Whether there is a Pod to end, a key to do it with, and the wish."""
        return bool(self.id and self.api_key) and self.idle_action != "none"


@dataclass(frozen=True)
class Clocks:
    """Seconds since the start, since the last request or end of a job, since the GPU last worked (None: no GPU).

    `jobs` counts those that wait or run.
    """

    uptime_s: float
    request_idle_s: float
    gpu_idle_s: float | None
    jobs: int


def reason_to_end(pod: Pod, clocks: Clocks) -> str | None:
    """Why the Pod should be ended now, or None. A job keeps it, except from the end of its lifetime."""
    if not pod.can_end_itself:
        return None
    if pod.max_lifetime_s and clocks.uptime_s >= pod.max_lifetime_s:
        return f"it has run for {clocks.uptime_s:.0f} s (POD_MAX_LIFETIME_S {pod.max_lifetime_s:g})"
    if clocks.jobs:
        return None
    if pod.idle_s and clocks.request_idle_s >= pod.idle_s:
        return f"no request came for {clocks.request_idle_s:.0f} s (POD_IDLE_S {pod.idle_s:g})"
    if pod.gpu_idle_s and clocks.gpu_idle_s is not None and clocks.gpu_idle_s >= pod.gpu_idle_s:
        return f"the GPU was at 0 % for {clocks.gpu_idle_s:.0f} s (GPU_IDLE_S {pod.gpu_idle_s:g})"
    return None
