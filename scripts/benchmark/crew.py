"""The workers of a run: child processes as a supervisor starts them, held at a gate until they may claim."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import msgspec

from eventqueue.worker.child import ChildPlan
from eventqueue.worker.python.plan import PythonPlan
from scripts.benchmark.asked import Asked
from scripts.benchmark.gate import Gate
from scripts.benchmark.processes import spawned
from scripts.benchmark.server import Place

NONE = PythonPlan()

WORK = """
import sys
from scripts.benchmark.runners import work
sys.exit(work(*sys.argv[1:]))
"""


class Crew:
    """Some workers, registered; none claims before `go`."""

    def __init__(self, gate: Gate, pids: Sequence[int]) -> None:
        self.go = gate.open
        self.pids = pids


@contextmanager
def crew(
    place: Place,
    database: str,
    asked: Asked,
    *,
    slots: int,
    kind: str = "no-op",
    stamps: int | None = None,
    queues: Sequence[str] = ("default",),
    python: PythonPlan = NONE,
) -> Iterator[Crew]:
    """Workers with `slots` slots each, for as long as the block lasts; then each settles what it holds.

    They serve `queues` (none: all). `kind`: what runs their commands, of `runners.work`; `python`: what
    runs tasks; `stamps`: the pipe into which `stamping` ones write.
    """
    with ExitStack() as stack:
        processes = []
        gate = Gate()
        fds = gate.fds if stamps is None else (*gate.fds, stamps)
        for number in range(1, asked.workers + 1):
            words = [kind, *map(str, fds)]
            processes.append(stack.enter_context(spawned(WORK, words, f"worker {number}", asked.profiles, fds)))
            _order(
                processes[-1],
                _plan(place, database, str(number), slots, queues=queues, python=python),
            )
        stack.enter_context(gate)  # left first: who still stands at it hears no order
        gate.await_ready(asked.workers)
        yield Crew(gate, [process.pid for process in processes])


def _plan(
    place: Place, database: str, name: str, slots: int, *, queues: Sequence[str], python: PythonPlan
) -> ChildPlan:
    return ChildPlan(
        uri=place.uri,
        db=database,
        name=name,
        incarnation=f"bench:{uuid4().hex[:12]}",
        queues=tuple(queues),
        concurrency=slots,
        grace=30.0,
        as_json=False,
        quiet=True,
        python=python,
    )


def _order(process: "subprocess.Popen[bytes]", plan: ChildPlan) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan) + b"\n")
    process.stdin.flush()
