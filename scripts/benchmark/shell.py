"""`shell`: jobs that are a shell's `true`, run as the product runs them; beside plain calls of `subprocess.run`."""

import subprocess

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.drain import drained
from scripts.benchmark.events import Kind
from scripts.benchmark.gate import Gate
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import spawned
from scripts.benchmark.server import Place

JOBS = 3_000
SLOTS = 128  # of each worker
CALLERS = 2
DATABASE = "shell"
TRUE = Kind(command="true", cwd="/", output=None)

CALL = """
import subprocess, sys, time
from scripts.benchmark.gate import Entrance

Entrance(sys.argv[2:]).wait()
start = time.perf_counter()
for _ in range(int(sys.argv[1])):
    subprocess.run(["sh", "-c", "true"], capture_output=True)
print(time.perf_counter() - start, flush=True)
"""


def run(place: Place, asked: Asked) -> Figures:
    """`raw` is the calls a second of two processes that do nothing else."""
    jobs = asked.jobs or JOBS
    raw = _calls(jobs // CALLERS or 1)
    with open_client(place.uri) as client:
        found = drained(place, stand_on(client[DATABASE]), jobs, asked, kind=TRUE, slots=SLOTS, by="shell")
    return {
        "workers": asked.workers,
        "slots": SLOTS,
        "rate": found.rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": found.rate / raw,
        "sustained_rate": found.sustained_rate,
        "cpu_us": found.cpu_us,
    }


def _calls(each: int) -> float:
    with Gate() as gate:
        words = [str(each), *map(str, gate.fds)]
        with (
            spawned(CALL, words, "caller", None, gate.fds) as one,
            spawned(CALL, words, "caller", None, gate.fds) as two,
        ):
            gate.await_ready(CALLERS)
            gate.open()
            return sum(each / _took(process) for process in (one, two))


def _took(process: "subprocess.Popen[bytes]") -> float:
    assert process.stdout is not None
    return float(process.stdout.readline())
