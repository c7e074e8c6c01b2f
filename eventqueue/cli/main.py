"""queuectl's entry point: runs one command line and turns whatever comes of it into an exit code.

Everything else is imported inside, so that an interrupt that early is caught too.
"""

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (None: this process's own) and return its exit code.

    0 done; 1 refused or failed; 2 wrong usage; 130 after Ctrl-C; 141 if whoever read the output has gone.
    """
    try:
        from eventqueue.cli.root import run

        code = run(sys.argv[1:] if args is None else args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        from eventqueue.cli.failures import report

        return report(error)
    return code
