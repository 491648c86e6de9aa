"""What the GPU is and how much memory is free, without loading torch."""

import shutil
import subprocess
from dataclasses import dataclass

QUERY_TIMEOUT_S = 5


@dataclass(frozen=True)
class Gpu:
    """First GPU of the machine; memory in MB (2^20 bytes), as its driver counts."""

    name: str
    total_mb: int
    free_mb: int


def find_gpu() -> Gpu | None:
    """Asks the driver's own program; None where there is no GPU or no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return read_answer(answer)


def read_answer(answer: str) -> Gpu | None:
    """The first line of the program's table; None when it has another form."""
    cells = [cell.strip() for cell in answer.partition("\n")[0].split(",")]
    if len(cells) != 3 or not (cells[1].isdigit() and cells[2].isdigit()):
        return None
    return Gpu(cells[0], int(cells[1]), int(cells[2]))
