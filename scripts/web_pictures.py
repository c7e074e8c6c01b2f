"""Draws docs/pictures/web-….png anew: the pages as they are, of jobs that workers run on a server of their own.

.venv/bin/python -m scripts.web_pictures [/usr/bin/chromium]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from eventqueue.api.queue import Queue
from eventqueue.model.figures import instant
from eventqueue.model.job import State
from eventqueue.web.app import make_app
from eventqueue.web.entry.guard import Entry
from eventqueue.web.entry.keys import Keys
from eventqueue.web.server import hosts_of, listen, serving
from scripts.picture import server

TO = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = {"width": 1240, "height": 760}
PHONE = {"width": 390, "height": 760}
KEYS = Keys("the-viewers-token-of-pictures", "the-operators-token-of-pictures")
LATER_MS = 1500  # until charts are drawn
JOBS = (
    ("mail", 30, "sleep 0.3; echo 'connection refused by 10.0.0.7' >&2; exit 1", 1, ["eu"]),
    ("mail", 160, "sleep 0.2; echo sent", 3, ["eu", "newsletter"]),
    ("reports", 40, "sleep 0.5; echo 'page 1 of 12'", 3, ["monthly"]),
    ("thumbnails", 12, "echo 'cannot identify image file' >&2; exit 65", 0, ["upload"]),
    ("thumbnails", 60, "sleep 0.1", 3, ["upload"]),
)


def fill(queue: Queue) -> None:
    """Enqueue what is to be seen."""
    for name, number, command, retries, tags in JOBS:
        fields = {"queue": name, "command": command, "max_retries": retries, "tags": tags, "backoff": {"base": 3}}
        queue.enqueue_many(fields for _ in range(number))
    queue.enqueue(
        id="report-2026-11", queue="reports", command="make report MONTH=2026-11", max_retries=2, tags=["monthly"]
    )
    queue.enqueue_many({"queue": "imports", "command": "load"} for _ in range(8))
    queue.pause_queue("imports", "the disk is full")
    queue.schedule("nightly", {"command": "./backup --all"}, cron="30 2 * * *", tz="Europe/Berlin")
    queue.schedule("beat", {"command": "curl -fsS https://example.org/alive"}, every=300)


def await_work(queue: Queue) -> None:
    """Wait until some have died and others are running."""
    for _ in queue.follow():
        counts = queue.status()
        if counts.count(State.DEAD) >= 20 and counts.count(State.COMPLETED) >= 150:
            return


def shoot(page: Page, path: str, name: str) -> None:
    """Draw one page."""
    page.goto(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(LATER_MS)
    page.screenshot(path=TO / f"web-{name}.png")


def shoot_all(queue: Queue, url: str, then: str, browser: str) -> None:
    """Draw all pages."""
    args = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=browser, args=args) as chromium:
        page = chromium.new_page(base_url=url, viewport=SIZE)
        page.goto(f"/?token={KEYS.operator}")
        dead = queue.list(state=State.DEAD, queue="mail", limit=1)[0].id
        (known,) = queue.errors(queue="thumbnails").groups
        queue.ignore_errors(known.fingerprint, why="the camera is being replaced")
        pages = {
            "overview": "/?window=5m",
            "jobs": "/jobs",
            "job": f"/jobs/{dead}",
            "queues": "/queues",
            "schedules": "/schedules",
            "workers": "/workers",
            "dead": "/dead",
            "projections": "/projections",
            "audit": "/audit",
            "then": f"/?at={then}",
        }
        for name, path in pages.items():
            shoot(page, path, name)
        dark = chromium.new_page(base_url=url, viewport=PHONE, color_scheme="dark")
        dark.goto(f"/?token={KEYS.operator}")
        shoot(dark, f"/jobs/{dead}", "phone")


def main() -> None:
    """Draw them."""
    browser = sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium"
    with tempfile.TemporaryDirectory() as home, server(Path(home)) as uri, Queue(uri) as queue:
        fill(queue)
        words = [sys.executable, "-m", "eventqueue", "worker", "start", "--count", "2", "--concurrency", "3", "--quiet"]
        with subprocess.Popen([*words, "--uri", uri, "--grace", "0"]) as workers:
            try:
                await_work(queue)
                then = instant(queue.connection.ground.clock.now())
                queue.enqueue_many({"queue": "mail", "command": "sleep 5; echo sent"} for _ in range(30))
                with listen("127.0.0.1", 0) as listening:
                    port = listening.getsockname()[1]
                    entry = Entry(KEYS, hosts_of(port), f"queuectl-{port}", None)
                    with serving(make_app(queue, entry), listening):
                        shoot_all(queue, f"http://127.0.0.1:{port}", then, browser)
            finally:
                workers.terminate()


if __name__ == "__main__":
    main()
