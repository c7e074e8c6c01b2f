"""Measuring: processor time and memory of a process, parts of a distribution."""

import os
from collections.abc import Sequence
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
    return _status_mb(pid, "VmHWM:")


def resident_mb(pid: int) -> float:
    """Return the memory that a process has resident, in MB."""
    return _status_mb(pid, "VmRSS:")


def _status_mb(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1000


class Cpu:
    """Processor time from here on of some processes, one or several under a name."""

    def __init__(self, **pids: int | Sequence[int]) -> None:
        self._pids = {name: [one] if isinstance(one, int) else one for name, one in pids.items()}
        self._start = self._used()

    def each_us(self, count: int) -> dict[str, float]:
        """Return the microseconds that were used under each name for each of `count`."""
        return {name: round(1e6 * (used - self._start[name]) / count, 1) for name, used in self._used().items()}

    def _used(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, pids)) for name, pids in self._pids.items()}


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` (0..1) of all are no larger than."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
