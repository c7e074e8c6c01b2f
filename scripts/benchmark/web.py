"""`web`: what the page takes of a processor, while three tabs of a browser look at a system in which much happens."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import births, whole_lives
from scripts.benchmark.measure import Figures, cpu_s, peak_mb, percentile
from scripts.benchmark.processes import projector, spawned
from scripts.benchmark.progress import Progress
from scripts.benchmark.server import Place

JOBS = 100_000
RATE = 1000  # events a second meanwhile
MEASURED_S, LEAST_S = 30.0, 2.0
FEW = 1000  # jobs: of so few nothing is to be learned, but that it can be measured
TABS = ("/", "/jobs", "/queues")
EVERY_S, SHARE = 1.0, 8  # as static/live.js has them
DATABASE = "web"

SERVE = """
import os, sys
from eventqueue import Queue
from eventqueue.web.app import make_app
from eventqueue.web.entry.guard import Entry
from eventqueue.web.entry.keys import Keys
from eventqueue.web.server import hosts_of, listen, serving

with Queue(sys.argv[1], sys.argv[2]) as queue, listen("127.0.0.1", 0) as listening:
    port = listening.getsockname()[1]
    with serving(make_app(queue, Entry(Keys("viewer", None), hosts_of(port), "page")), listening):
        print(port, flush=True)
        os.read(0, 1)
"""


def run(place: Place, asked: Asked) -> Figures:
    """`share`: processor time of the page's process over the time measured; `rate`: events that came in meanwhile."""
    jobs = asked.jobs or JOBS
    measured = MEASURED_S if jobs > FEW else LEAST_S
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        for batch in births(0, jobs, ground.clock.now()):
            ground.log.append(batch)
        progress = Progress(ground)
        with projector(place, DATABASE, asked.profiles):
            progress.await_applied(jobs)
            with spawned(SERVE, [place.uri, DATABASE], "web", asked.profiles) as process:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                with _looking(port) as took:
                    used, start = cpu_s(process.pid), time.perf_counter()
                    events = _write(ground, jobs, start + measured)
                    seconds = time.perf_counter() - start
                    used = cpu_s(process.pid) - used
                figures = {"share": used / seconds, "rss_mb": peak_mb(process.pid)}
    return {
        "workers": 0,
        "rate": events / seconds,
        "unit": "events/s",
        "raw": None,
        "ratio": None,
        **figures,
        "pages": len(took) / seconds,
        "page_p50_ms": 1000 * percentile(took, 0.5),
        "page_p99_ms": 1000 * percentile(took, 0.99),
    }


def _write(ground: Ground, first: int, until: float) -> int:
    """Append events at RATE up to that time of `perf_counter`; return how many."""
    events, start = 0, time.perf_counter()
    for batch in whole_lives(first, first + 10 * int(RATE * MEASURED_S), ground.clock.now()):
        ground.log.append(batch)
        events += len(batch)
        time.sleep(max(0.0, start + events / RATE - time.perf_counter()))
        if time.perf_counter() >= until:
            break
    return events


@contextmanager
def _looking(port: int) -> Iterator[list[float]]:
    """Three tabs, of which one follows for all; yields how long each page took, in seconds."""
    took: list[float] = []
    over = threading.Event()
    news = [threading.Event() for _ in TABS]
    looking: list[Callable[[], None]] = [lambda: _follow(port, news, over)]
    looking += [_tab(port, path, one, over, took) for path, one in zip(TABS, news, strict=True)]
    threads = [threading.Thread(target=one) for one in looking]
    for thread in threads:
        thread.start()
    try:
        yield took
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _tab(port: int, path: str, news: threading.Event, over: threading.Event, took: list[float]) -> Callable[[], None]:
    def look() -> None:
        connection = HTTPConnection("127.0.0.1", port)
        while not over.is_set():
            if not news.wait(EVERY_S):
                continue
            news.clear()
            start = time.perf_counter()
            answer = _asked(connection, path)
            answer.read()
            took.append(time.perf_counter() - start)
            over.wait(max(EVERY_S, SHARE * took[-1]))
        connection.close()

    return look


def _follow(port: int, news: list[threading.Event], over: threading.Event) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    for line in _asked(connection, "/live"):
        if line.startswith(b"data:"):
            for one in news:
                one.set()
        if over.is_set():
            break
    connection.close()


def _asked(connection: HTTPConnection, path: str) -> HTTPResponse:
    headers = {"Cookie": "page=viewer", "X-Part": "main"}
    connection.request("GET", path, headers=headers)
    try:
        answer = connection.getresponse()
    except RemoteDisconnected:  # it was idle for too long: as a browser does, it is asked again over another
        connection.close()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered with {answer.status}")
    return answer
