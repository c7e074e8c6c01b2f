"""Jobs that call the tasks of `tests.worker.python.app`, and the processes that run them."""

import random
from pathlib import Path
from typing import Any

from tests.worker.crew import children, command_line
from tests.worker.python.stage import APP
from tests.worker.stage import Gate, Stage

ONCE = ["enqueued", "claimed", "completed"]
TWICE = ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


def call(stage: Stage, count: int, task: str, *args: Path, **fields: Any) -> list[str]:
    """Enqueue equal jobs, whose retries do not wait; return their ids."""
    asked = {"task": f"{APP}.{task}", "args": list(map(str, args)), "max_retries": 100, **fields}
    receipts = stage.queue.enqueue_many([{**asked, "backoff": {"base": 0, "jitter": 0}}] * count)
    stage.project()
    return [receipt.id for receipt in receipts if not isinstance(receipt, Exception)]


def gated(stage: Stage, gate: Gate, **fields: Any) -> str:
    """Enqueue a task that writes down which attempt it is, and waits at a gate."""
    return call(stage, 1, "gated", stage.folder / "lines", gate.entered, gate.way_out, **fields)[0]


def server_of(worker: int) -> int | None:
    """Return the pid of a worker's fork server, if it has one just now."""
    return next((pid for pid in children(worker) if any("zygote" in word for word in command_line(pid))), None)


def child_of(worker: int, chance: random.Random) -> int | None:
    """Return the pid of one of the processes that run a worker's tasks, if there are any just now."""
    server = server_of(worker)
    found = children(server) if server is not None else []
    return chance.choice(found) if found else None
