"""queuectl's entry point: runs one command line and turns whatever comes of it into an exit code.

Everything else is imported inside, so that an interrupt that early is caught too.
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

UNCOLLECTED = 50_000  # objects, before Python looks for cycles


def main() -> NoReturn:
    """Run this process's command line, and end the process."""
    # What is imported stays: looking through it after every 700 objects takes a tenth of a start.
    gc.set_threshold(UNCOLLECTED)
    code = run(list(map(_typed, sys.argv[1:])))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # its reader has gone
            stream.flush()
    # Not sys.exit: the driver's threads sleep for up to half a second, for which Python would wait.
    os._exit(code)


def _wants_json(args: Sequence[str]) -> bool:
    """Whether the line asks for JSON, also where it is wrong otherwise; behind `--` stands a command."""
    own = args[: args.index("--") if "--" in args else None]
    line = f" {' '.join(own)} "
    return any(form in line for form in (" --json ", " -o json ", " -ojson ", " --output json ", " --output=json "))


def _typed(word: str) -> str:
    """Return a word as it was typed, in UTF-8, whatever the locale took its bytes for."""
    return os.fsencode(word).decode(errors="surrogateescape")


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    0 done; 1 refused or failed; 2 wrong usage; 130 after Ctrl-C, 143 after a SIGTERM that is obeyed in order; 141 if
    whoever read the output has gone.
    """
    try:
        from eventqueue.cli.root import invoke

        code = invoke(args)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        from eventqueue.cli.failures import report

        return report(error, as_json=_wants_json(args))
    return code
