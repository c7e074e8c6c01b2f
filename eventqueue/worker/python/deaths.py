"""How a child died, in words for the history of the jobs that it ran."""

import os
import signal

from eventqueue.system.process import signal_name

SERVER_DIED = "The fork server of its worker died, and the process that ran it with it."
GARBLED = "The process that ran it was killed: a task had written into a descriptor that was not its own."
OTHERS_TIMEOUT = "its process was ended for another job's timeout"
OTHERS_END = "its process was ended for another job's sake"


def crash(status: int, others: int) -> str:
    """Return how a process ended that was not to: `status` as waitpid gave it; `others`: what else ran in it."""
    code = os.waitstatus_to_exitcode(status)
    which = f"The process that ran it{_with(others)}"
    if code == -signal.SIGKILL:
        return f"{which} was killed by SIGKILL: by the kernel, perhaps, since memory had run out."
    if code < 0:
        return f"{which} was killed by {signal_name(-code)}."
    return f"{which} ended by itself, with exit code {code}."


def _with(others: int) -> str:
    return "" if not others else " and another job" if others == 1 else f" and {others} other jobs"
