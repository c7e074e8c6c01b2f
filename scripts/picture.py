"""Draws docs/pictures/top.svg anew: `queuectl top` as it is, of jobs that two workers run on a server of their own.

.venv/bin/python scripts/picture.py
"""

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.app import Top
from eventqueue.model.job import State
from eventqueue.server import ensure_running, stop

TO = Path(__file__).parents[1] / "docs" / "pictures" / "top.svg"
SIZE = (100, 26)
PATIENCE_S = 60.0
JOBS = (
    ("mail", 18, "sleep 0.4; echo 'connection refused by 10.0.0.7' >&2; exit 1", 0),
    ("mail", 40, "sleep 9 # send", 3),
    ("reports", 12, "sleep 9 # make report", 3),
    ("thumbnails", 25, "sleep 9 # convert", 3),
)


@contextmanager
def server(home: Path) -> Iterator[str]:
    """A server of its own, for as long as it is drawn."""
    uri = ensure_running(home)
    try:
        yield uri
    finally:
        stop(home)


def fill(queue: Queue) -> None:
    """Enqueue what is to be seen."""
    for name, number, command, retries in JOBS:
        queue.enqueue_many({"queue": name, "command": command, "max_retries": retries} for _ in range(number))
    queue.enqueue_many({"queue": "nightly", "command": "make backup", "delay": 36_000} for _ in range(6))
    queue.enqueue_many({"queue": "imports", "command": "load"} for _ in range(8))
    queue.pause_queue("imports", "the disk is full")


def await_work(queue: Queue) -> None:
    """Wait until some have failed and some run."""
    for _ in queue.follow():
        counts = queue.status()
        if counts.count(State.DEAD) >= 12 and counts.count(State.PROCESSING) >= 4:
            return


async def draw(queue: Queue) -> str:
    """Return the screen as SVG."""
    app = Top(queue, queue.glance(failures=30))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1.0)
        return app.export_screenshot(title="queuectl top")


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as home, server(Path(home)) as uri, Queue(uri) as queue:
        fill(queue)
        words = [sys.executable, "-m", "eventqueue", "worker", "start", "--count", "2", "--concurrency", "3", "--quiet"]
        queues = [word for name in ("mail", "reports", "thumbnails") for word in ("--queue", name)]
        with subprocess.Popen([*words, *queues, "--uri", uri, "--grace", "0"]) as workers:
            try:
                await_work(queue)
                picture = asyncio.run(draw(queue))
            finally:
                workers.terminate()
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))  # which would be fetched elsewhere


if __name__ == "__main__":
    main()
