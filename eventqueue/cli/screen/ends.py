"""Running the screen, and how it ends: by a key, by a signal, or by what nobody expected; the terminal is as it was."""

import os
import signal
import sys
import termios
import threading
from contextlib import suppress
from functools import partial

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.app import Top
from eventqueue.cli.screen.asking import FAILURES
from eventqueue.system.interrupts import on_signals

PATIENCE_S = 2.0  # for the terminal to take what brings it back: one that is gone or stopped takes nothing more
CODES = {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}  # Ctrl-C is how it is to end


def run(queue: Queue) -> int:
    """Show the screen until it is ended, and return the exit code."""
    app, terminal = Top(queue, queue.glance(failures=FAILURES)), _Terminal()
    for number, code in CODES.items():
        on_signals([number], partial(_end, app, code, terminal))
    try:
        app.run(mouse=False)  # so that the terminal's own way to select text stays
    except OSError:
        app.exit(return_code=CODES[signal.SIGHUP])
    finally:
        terminal.restore()
    if app.return_code == CODES[signal.SIGHUP]:  # the terminal has gone, and what is said fails
        os._exit(app.return_code)
    if app.failed is not None:
        raise app.failed
    return app.return_code or 0


def _end(app: Top, code: int, terminal: "_Terminal") -> None:
    """End the screen, and if that is not done in time, the process."""
    app.call_later(partial(app.exit, return_code=code))
    if not terminal.is_restored.wait(PATIENCE_S):
        terminal.restore()
        os._exit(code)


class _Terminal:
    """The terminal as it was."""

    def __init__(self) -> None:
        self.is_restored = threading.Event()
        self._before = termios.tcgetattr(sys.stdin)

    def restore(self) -> None:
        """Have it be so again; what it shows is brought back by who drew on it."""
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)
        self.is_restored.set()
