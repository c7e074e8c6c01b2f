"""Python processes of a run, so that each can be measured and profiled by itself."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmark.profiling import Profiles
from scripts.benchmark.server import Place

ROOT = Path(__file__).parents[2]
LEAVE_S = 60.0

PROJECT = """
import os, sys, threading
from eventqueue.connect import connect, make_projector

stop = threading.Event()
threading.Thread(target=lambda: (os.read(0, 1), stop.set()), daemon=True).start()
make_projector(connect(sys.argv[1], sys.argv[2], "bench")).run(stop)
"""

SEAL = """
import os, sys, threading
from eventqueue.connect import connect, make_sealing

stop = threading.Event()
threading.Thread(target=lambda: (os.read(0, 1), stop.set()), daemon=True).start()
make_sealing(connect(sys.argv[1], sys.argv[2], "bench"), {}).run(stop)
"""

REBUILD = """
import sys, time
from eventqueue.connect import connect
from scripts.benchmark.measure import peak_mb
import os

operator = connect(sys.argv[1], sys.argv[2], "bench").operator
start = time.perf_counter()
if sys.argv[3] == "rebuild":
    operator.rebuild(None, lambda _: None)
else:
    assert not list(operator.verify(None, None, lambda _: None))
print(time.perf_counter() - start, peak_mb(os.getpid()))
"""


@contextmanager
def spawned(
    script: str, words: Sequence[str], name: str, profiles: Profiles | None, fds: Sequence[int] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for as long as the block lasts: it ends when its stdin does. It is given `fds`, and `words` to read.

    Raises CalledProcessError where it did not end well.
    """
    with _command(script, name, profiles) as command:
        process = subprocess.Popen(
            [*command, *words], cwd=ROOT, env=_environ(), pass_fds=fds, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield process
        finally:
            _end(process)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, name)


@contextmanager
def projector(place: Place, database: str, profiles: Profiles | None) -> Iterator["subprocess.Popen[bytes]"]:
    """A projector for as long as the block lasts."""
    with spawned(PROJECT, [place.uri, database], "projector", profiles) as process:
        yield process


@contextmanager
def sealer(place: Place, database: str, profiles: Profiles | None) -> Iterator["subprocess.Popen[bytes]"]:
    """Who seals the log, for as long as the block lasts."""
    with spawned(SEAL, [place.uri, database], "sealer", profiles) as process:
        yield process


def rebuild(place: Place, database: str, what: str, profiles: Profiles | None) -> tuple[float, float]:
    """Rebuild the views, or verify them, in a process of its own; return the seconds it took and its peak in MB."""
    with _command(REBUILD, what, profiles) as command:
        done = subprocess.run(
            [*command, place.uri, database, what], cwd=ROOT, env=_environ(), stdout=subprocess.PIPE, check=True
        )
    took, peak = map(float, done.stdout.split())
    return took, peak


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.communicate(timeout=LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def _command(script: str, name: str, profiles: Profiles | None) -> Iterator[Sequence[str]]:
    if profiles is None:
        yield [sys.executable, "-c", script]
        return
    with tempfile.TemporaryDirectory(prefix="eq-bench-") as where:
        dump = Path(where) / "profile"
        yield [sys.executable, "-m", "scripts.benchmark.profiling", str(dump), script]
        profiles.add(name, dump)
