"""What the machine and the worker are doing, as JSON for monitors."""

import os
import platform
import socket
import threading
import time
from collections.abc import Callable

import psutil

from studio.serve.activity import Activity
from studio.settings import Settings

MB, GB = 2**20, 2**30


class Telemetry:
    """Reads the machine at most once per interval, however many listen. Safe to be read from threads."""

    def __init__(self, settings: Settings, activity: Activity, clock: Callable[[], float] = time.monotonic):
        self._settings = settings
        self._activity = activity
        self._clock = clock
        self._lock = threading.Lock()
        self._gpus = _Gpus()
        self._started = self._read_at = clock()
        self._latest: dict | None = None
        self._traffic = psutil.net_io_counters()
        # The first answer is meaningless: percentages are counted between two looks.
        psutil.cpu_percent()

    def read(self) -> dict:
        """The telemetry; not older than half an interval. Sizes in MB (2^20) and GB (2^30) bytes, rates in bytes/s."""
        with self._lock:
            now = self._clock()
            interval = self._settings.pod.telemetry_interval_s
            if self._latest is None or now - self._read_at >= interval / 2:
                self._latest = self._measure(now)
                self._read_at = now
            return self._latest

    def _measure(self, now: float) -> dict:
        memory, swap, disk = psutil.virtual_memory(), psutil.swap_memory(), psutil.disk_usage("/")
        gpus = self._gpus.read()
        self._activity.gpu([gpu["utilization_gpu_percent"] or 0 for gpu in gpus])
        return {
            "ts": time.time(),
            "host": _host(),
            "runpod": self._place(),
            "cpu": {
                "percent": psutil.cpu_percent(),
                "cores_logical": psutil.cpu_count(),
                "cores_physical": psutil.cpu_count(logical=False),
                "load_1_5_15": [round(load, 2) for load in psutil.getloadavg()],
            },
            "memory": {
                "total_mb": memory.total // MB,
                "used_mb": memory.used // MB,
                "free_mb": memory.available // MB,
                "percent": memory.percent,
            },
            "swap": {"total_mb": swap.total // MB, "used_mb": swap.used // MB, "percent": swap.percent},
            "disk_root": {
                "total_gb": round(disk.total / GB, 2),
                "used_gb": round(disk.used / GB, 2),
                "free_gb": round(disk.free / GB, 2),
                "percent": disk.percent,
            },
            "network": self._network(now),
            "gpus": gpus,
            "process": {"uptime_sec": round(now - self._started, 1)},
            "worker": self._worker(),
        }

    def _place(self) -> dict:
        pod = self._settings.pod
        return {
            "pod_id": pod.id,
            "region": pod.region,
            "endpoint_id": pod.endpoint_id,
            "vcpu_count": pod.vcpu_count,
            "gpu_count": pod.gpu_count,
        }

    def _network(self, now: float) -> dict:
        before, self._traffic = self._traffic, psutil.net_io_counters()
        seconds = max(now - self._read_at, 0.001)
        return {
            "bytes_sent": self._traffic.bytes_sent,
            "bytes_recv": self._traffic.bytes_recv,
            "tx_rate_bps": round((self._traffic.bytes_sent - before.bytes_sent) / seconds, 1),
            "rx_rate_bps": round((self._traffic.bytes_recv - before.bytes_recv) / seconds, 1),
        }

    def _worker(self) -> dict:
        clocks = self._activity.clocks()
        return {
            "jobs_running": self._activity.jobs_running,
            "gpu_idle_s": None if clocks.gpu_idle_s is None else round(clocks.gpu_idle_s, 1),
            "request_idle_s": round(clocks.request_idle_s, 1),
            "version": self._settings.version,
        }


def _host() -> dict:
    return {
        "hostname": socket.gethostname(),
        "os": platform.system(),
        "kernel": os.uname().release,
        "python": platform.python_version(),
    }


class _Gpus:
    """The GPUs by the driver's library; none where there is no driver."""

    def __init__(self):
        import pynvml

        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError:
            self._handles = []

    def read(self) -> list[dict]:
        return [self._one(index, handle) for index, handle in enumerate(self._handles)]

    def _one(self, index: int, handle) -> dict:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        usage = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        return {
            "index": index,
            "name": self._ask(nvml.nvmlDeviceGetName, handle),
            "uuid": self._ask(nvml.nvmlDeviceGetUUID, handle),
            "memory_total_mb": memory and memory.total // MB,
            "memory_used_mb": memory and memory.used // MB,
            "utilization_gpu_percent": usage and usage.gpu,
            "temperature_c": self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            "power_w": power and round(power / 1000, 1),
            "fan_percent": self._ask(nvml.nvmlDeviceGetFanSpeed, handle),
        }

    def _ask(self, question, *values):
        # Cards for servers have no fan, some virtual ones no power meter.
        try:
            return question(*values)
        except self._nvml.NVMLError:
            return None
