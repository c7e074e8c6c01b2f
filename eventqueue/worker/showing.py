"""What jobs write, shown where their worker tells what it does: for a person who has started it to see.

Line by line, each with its job's id in front. What is written faster than it is looked at is told as missing.
"""

import threading
from collections.abc import Callable

from eventqueue.model.figures import count
from eventqueue.model.tails import Tail, news
from eventqueue.worker.holdings import job_of
from eventqueue.worker.narrator import Narrator
from eventqueue.worker.running.reports import Ended, Started, Written

EVERY_S = 0.25
LINE_MAX = 16 * 1024  # bytes of a line that has not ended: it is shown as it is then

Both = tuple[Written, Written]


class _Stream:
    """What was shown of one stream of a run, and the beginning of a line that has not ended."""

    def __init__(self) -> None:
        self._seen = 0
        self._begun = b""

    def lines(self, written: Written, *, is_end: bool) -> list[bytes]:
        """Return the lines that are new."""
        found = news(self._seen, Tail(written.tail, written.total))
        self._seen = max(self._seen, written.total)
        shown: list[bytes] = []
        if found.lost:
            shown = [*([self._begun] if self._begun else []), f"({count(found.lost, 'byte')} are not shown)".encode()]
            self._begun = b""
        *lines, self._begun = (self._begun + found.text).split(b"\n")
        lines = shown + lines
        if self._begun and (is_end or len(self._begun) > LINE_MAX):
            lines.append(self._begun)
            self._begun = b""
        return lines


class Showing:
    """Shows what all runs of a worker write."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self._runs: dict[str, tuple[_Stream, _Stream]] = {}  # by key
        self._lock = threading.Lock()

    def told(self, message: Started | Ended) -> None:
        """Hear what a runner tells. Safe across threads; waits for nobody."""
        if isinstance(message, Started):
            with self._lock:
                self._runs[message.key] = _Stream(), _Stream()
            return
        with self._lock:
            self._show(message.key, (message.stdout, message.stderr), is_end=True)
            self._runs.pop(message.key, None)

    def run(self, so_far: Callable[[str], Both | None], stop: threading.Event) -> None:
        """Show what is written until `stop` is set."""
        while not stop.wait(EVERY_S):
            self.step(so_far)

    def step(self, so_far: Callable[[str], Both | None]) -> None:
        """Show what was written since."""
        for key in list(self._runs):
            if (written := so_far(key)) is not None:  # without the lock: the runner's thread may need it first
                with self._lock:
                    self._show(key, written)

    def _show(self, key: str, written: Both, *, is_end: bool = False) -> None:
        for stream, name, one in zip(self._runs.get(key, ()), ("stdout", "stderr"), written, strict=False):
            for line in stream.lines(one, is_end=is_end):
                self._narrator.wrote(job_of(key), name, line)
