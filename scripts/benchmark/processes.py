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

PROJECT = """
import signal, sys, threading
from eventqueue.connect import connect, make_projector

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
connection = connect(sys.argv[1], sys.argv[2], "bench")
make_projector(connection).run(stop)
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
def projector(place: Place, database: str, profiles: Profiles | None) -> Iterator["subprocess.Popen[bytes]"]:
    """A projector for as long as the block lasts."""
    with _command(PROJECT, "projector", profiles) as command:
        process = subprocess.Popen([*command, place.uri, database], cwd=ROOT, env=_environ())
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def rebuild(place: Place, database: str, what: str, profiles: Profiles | None) -> tuple[float, float]:
    """Rebuild the views, or verify them, in a process of its own; return the seconds it took and its peak in MB."""
    with _command(REBUILD, what, profiles) as command:
        done = subprocess.run(
            [*command, place.uri, database, what], cwd=ROOT, env=_environ(), stdout=subprocess.PIPE, check=True
        )
    took, peak = map(float, done.stdout.split())
    return took, peak


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
