"""Measuring: processor time and memory of a process, parts of a distribution."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has had resident so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1000


class Cpu:
    """Processor time of some processes from here on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._start = {name: cpu_s(pid) for name, pid in pids.items()}

    def each_us(self, count: int) -> dict[str, float]:
        """Return the microseconds that each process has used for each of `count`."""
        used = {name: cpu_s(pid) - self._start[name] for name, pid in self._pids.items()}
        return {name: round(1e6 * seconds / count, 1) for name, seconds in used.items()}


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` (0..1) of all are no larger than."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
