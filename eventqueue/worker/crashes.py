"""Where a process crashed, as Python's fault handler has told at the end of what it wrote. Pure."""

import re
from itertools import takewhile

from eventqueue.tasks.ending import FRAMES_MAX, LIBRARIES, OURS

_STACK = re.compile(r'^Fatal Python error: .*\n\n.*\(most recent call first\):\n((?:  File ".*\n?)+)', re.MULTILINE)
_FILE = len('  File "')


def where(stderr: bytes) -> str | None:
    """Return the frames of the user's code that crashed, then those of libraries, without eventqueue's own.

    As in the traceback of an exception the innermost comes last. None where nothing is told of a crash.
    """
    found = _STACK.findall(stderr.decode(errors="backslashreplace"))
    if not found:
        return None
    inner = takewhile(lambda line: not any(part in line for part in OURS), found[-1].splitlines())
    frames = [f"{line}\n" for line in inner][::-1]
    others = [line for line in frames if line[_FILE:].startswith(LIBRARIES)]
    own = [line for line in frames if line not in others]
    return "".join([*own[-FRAMES_MAX:], *(["  in libraries:\n"] if others else []), *others[-FRAMES_MAX:]]) or None
