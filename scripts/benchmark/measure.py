"""Measuring: processor time and memory of a process, parts of a distribution."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eventqueue.cli.root import COMPLETE, NAME

Figures = dict[str, Any]
_TICKS = os.sysconf("SC_CLK_TCK")
# What the kernel tells of a child's peak has its parent's in it.
_COMMAND = """
import os, sys
told = int(sys.argv.pop(1))
refused = 1
try:
    from eventqueue.cli.root import invoke
    from eventqueue.errors import Refused
    try:
        invoke(sys.argv[1:])
        refused = 0
    except Refused:
        pass
    except BaseException:
        refused = 0
        raise
finally:
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
    sys.stdout.flush()
    os.write(told, f"{line.split()[1]} {refused}".encode())
    os._exit(0)  # as the real command ends, without taking everything down
"""


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


def of_command(uri: str, database: str, words: Sequence[str]) -> tuple[float, float, bool]:
    """Return how many seconds a command of queuectl takes, how many MB at most, and whether it was refused.

    `complete`, as the first word: what a shell asks while the last of the others is typed.
    """
    ours, theirs = os.pipe()
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-c", _COMMAND, str(theirs), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_asked_by_shell(words), "QUEUECTL_URI": uri, "QUEUECTL_DB": database},
        pass_fds=[theirs],
        check=False,  # a check of the doctor's, say, may find something
    )
    took = time.perf_counter() - began
    os.close(theirs)
    with open(ours, "rb") as told:
        kilobytes, is_refused = map(int, told.read().split())
    return took, kilobytes / 1000, bool(is_refused)


def _asked_by_shell(words: Sequence[str]) -> Mapping[str, str]:
    if words[0] != "complete":
        return {}
    line = [NAME, *words[1:]]
    return {COMPLETE: "bash_complete", "COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}


def below(pids: Sequence[int]) -> Sequence[int]:
    """Return the pids of what these processes have started, and of what that has, and is there now."""
    started = [
        int(child)
        for pid in pids
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    return [*started, *below(started)] if started else []


class Cpu:
    """Processor time from here on of some processes, by name; `runs`: of what `workers` have started."""

    def __init__(self, **pids: int | Sequence[int]) -> None:
        self._pids = {name: [one] if isinstance(one, int) else one for name, one in pids.items()}
        self._start = self._used()

    def each_us(self, count: int) -> dict[str, float]:
        """Return the microseconds that were used under each name for each of `count`."""
        return {name: round(1e6 * (used - self._start[name]) / count, 1) for name, used in self._used().items()}

    def _used(self) -> dict[str, float]:
        pids = {**self._pids, "runs": below(self._pids.get("workers", ()))}
        return {name: sum(map(cpu_s, of)) for name, of in pids.items()}


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` (0..1) of all are no larger than."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
