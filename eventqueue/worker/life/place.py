"""Where this process runs: whoever shares the place can see for itself whether a pid there is alive."""

import os
import socket
from pathlib import Path

from eventqueue.mongo.incarnations import Incarnation
from eventqueue.system.process import start_time


def place() -> str:
    """Return a name for this boot of this machine and this pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return f"{socket.gethostname()}/unknown/{os.getpid()}"  # shared with nobody: then only leases count
    return f"{boot}/{namespace}"


def incarnation_here(
    id_: str,
    name: str,
    queues: tuple[str, ...],
    concurrency: int,
    grace: float = 30.0,
    *,
    user: str | None = None,
    by: str | None = None,
    tasks: tuple[str, ...] = (),
) -> Incarnation:
    """Return the incarnation that this very process is; `user`: as whom the database knows it; `by`: who started it."""
    pid = os.getpid()
    return Incarnation(
        id=id_,
        name=name,
        host=socket.gethostname(),
        pid=pid,
        place=place(),
        pid_started=start_time(pid) or 0,
        queues=queues,
        concurrency=concurrency,
        grace=grace,
        user=user,
        by=by,
        tasks=tasks,
    )
