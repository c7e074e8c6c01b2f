"""A worker's first steps with Python tasks: its fork server, once the modules are imported, or why they cannot be."""

import logging

from eventqueue.errors import Unavailable
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.pool import told_outside

logger = logging.getLogger(__name__)

THREADS = (
    "importing %s has started %d threads, which a fork does not copy: what needs them in a task has to start them there"
)


def imported(plan: PythonPlan, given_up_fd: int) -> ForkServer | None:
    """Return a fork server whose modules are imported; None as soon as `given_up_fd` is readable.

    Raises Refused where one cannot be imported, Unavailable where no process is to be had.
    """
    try:
        server = ForkServer(plan)
    except OSError as error:
        raise Unavailable(f"What runs Python tasks cannot be started: {error.strerror}.") from error
    try:
        is_ready = server.await_ready(logger.warning, told_outside, given_up_fd)
    except BaseException:
        server.bury()
        raise
    if not is_ready:
        server.bury()
        return None
    if server.threads > 1:
        logger.warning(THREADS, ", ".join(plan.imports), server.threads - 1)
    return server
