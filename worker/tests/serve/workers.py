"""Starts real worker processes, and speaks with both kinds in one way."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import httpx

from tests.serve.queue_stub import HOLD_S, PLATFORM_KEY, QueueStub

HERE = Path(__file__).parent
HANDLER = HERE.parents[1] / "handler.py"
FAULTY = HERE / "faulty_worker.py"
TOKEN = "pod-secret-token"
START_S = 120
# A test that waits in vain ends after about five minutes.
LOOK_S, LOOKS = 0.05, 6000


class Process:
    """A worker process with all its output."""

    def __init__(self, environment: dict[str, str], script: Path = FAULTY):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNPOD_")}
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-u", str(script)],
            env={**clean, "MODEL_SET": "demo", "HOST": "127.0.0.1", "PORT": "0", "WARM_START": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def line(self, start: str) -> str:
        """The rest of the first line that starts so."""

        def found():
            return next((line for line in self.lines if line.startswith(start)), None)

        with self._grown:
            if not self._grown.wait_for(found, START_S):
                raise AssertionError(f"no line '{start}': {self.output}")
            return found().removeprefix(start).strip()

    def ask_to_stop(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        code = self._process.wait(START_S)
        self._reader.join(START_S)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class PodWorker:
    """A worker in pod mode."""

    secret = TOKEN

    def __init__(self, script: Path = FAULTY, **environment: str):
        self.process = Process({"RUN_MODE": "pod", "AUTH_TOKEN": TOKEN, **environment}, script)
        self.http = httpx.Client(
            base_url=self.process.line("listening on "), headers={"authorization": f"Bearer {TOKEN}"}, timeout=60
        )

    def submit(self, job_input: object, **more: object) -> str:
        return self.http.post("/run", json={"input": job_input, **more}).json()["id"]

    def finished(self, job_input: object) -> dict:
        """output or error of the job."""
        return self.outcome(self.submit(job_input))

    def outcome(self, job_id: str) -> dict:
        for _ in range(LOOKS):
            reply = self.http.get(f"/status/{job_id}").json()
            if reply["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                return {key: reply[key] for key in ("output", "error") if key in reply}
            threading.Event().wait(LOOK_S)
        raise AssertionError(f"job {job_id} did not end; {self.process.output}")

    def wait_for_progress(self, job_id: str) -> dict:
        for _ in range(LOOKS):
            if "output" in (reply := self.http.get(f"/status/{job_id}").json()):
                return reply["output"]
            threading.Event().wait(LOOK_S)
        raise AssertionError(f"job {job_id} told no progress; {self.process.output}")

    def cancel(self, job_id: str) -> None:
        self.http.post(f"/cancel/{job_id}")

    def close(self) -> None:
        self.http.close()
        self.process.kill()


class ServerlessWorker:
    """A worker that takes its jobs from the stub of the platform's queue, through the platform's SDK."""

    secret = PLATFORM_KEY

    def __init__(self, hold_s: float = HOLD_S, script: Path = FAULTY, **environment: str):
        self.queue = QueueStub(hold_s)
        self.process = Process({**self.queue.environment(), **environment}, script)

    def submit(self, job_input: object, **more: object) -> str:
        job_id = f"{uuid.uuid4()}-u1"
        self.queue.jobs.put({"id": job_id, "input": job_input, **more})
        return job_id

    def finished(self, job_input: object) -> dict:
        return self.outcome(self.submit(job_input))

    def outcome(self, job_id: str) -> dict:
        body = self.queue.result(job_id)
        return {key: body[key] for key in ("output", "error") if key in body}

    def wait_for_progress(self, job_id: str) -> dict:
        self.queue.wait(lambda stub: stub.progress(job_id))
        return self.queue.progress(job_id)[-1]

    def cancel(self, job_id: str) -> None:
        self.queue.stops.put({"jobsToStop": [job_id]})

    def close(self) -> None:
        self.process.kill()
        self.queue.close()
