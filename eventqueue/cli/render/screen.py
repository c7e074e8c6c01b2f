"""What `queuectl top --once` draws: queues, workers and what they run, the last failures, each as far as it goes."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table, figure
from eventqueue.cli.render.words import COLOURS, STATES, TITLES, age, count, far, instant, shortened, span
from eventqueue.model.events import task_of
from eventqueue.model.job import Job, State
from eventqueue.ports.views import Glance, Lag, QueueStats, Worker
from eventqueue.system.printable import clean

COMMAND_MAX = 200  # characters
HEAD = 2  # lines above the first table

Part = Table | Text


def lines(glance: Glance, height: int | None) -> list[Part]:
    """Return the parts of a picture that is no higher than `height`: what does not fit is counted instead."""
    heading = Text.assemble(("queuectl top", "bold"), f"   {instant(glance.at, 'seconds')}   ", _lag(glance.lag))
    sections = [_queues(glance), _workers(glance), _failures(glance)]
    room = None if height is None else height - HEAD - sum(3 for _ in sections)
    parts: list[Part] = [heading]
    for place, (title, table) in enumerate(sections):
        # Each section may use what those before it left of their share.
        share = None if room is None else max(1, room // (len(sections) - place))
        shown = table.rows if share is None else table.rows[:share]
        room = None if room is None else room - len(shown)
        left = len(table.rows) - len(shown)
        more = f"  … and {left} more" if left else ""
        parts += [Text(""), Text(f"{title}{more}", "dim"), Table(table.titles, shown, table.loose)]
    return parts


def _lag(lag: Lag) -> Text:
    if lag.is_fresh:
        return Text("up to date", "green")
    return Text("lag unknown", "yellow") if lag.seconds is None else Text(f"{span(lag.seconds)} behind", "yellow")


def _queues(glance: Glance) -> tuple[str, Table]:
    rows: list[list[Cell]] = []
    for name in sorted({*glance.queues, *glance.paused}):
        counts, stats = glance.queues.get(name, {}), glance.stats.queues.get(name)
        states = [_state(state, counts.get(State(state), 0)) for state in STATES]
        rates = (0.0, 0.0) if stats is None else (stats.in_per_minute, stats.out_per_minute)
        shown = Text(f"{name} (paused)", "yellow") if name in glance.paused else name
        rows.append([shown, *states, *map(_rate, rates), _wait(stats)])
    titles = ["QUEUE", *(TITLES[state].upper() for state in STATES), "IN/MIN", "OUT/MIN", "WAIT P95"]
    return count(len(rows), "queue"), Table(titles, rows, loose=0)


def _state(state: str, number: int) -> Text:
    return figure(f"{number:,}", COLOURS[State(state)] if number else "dim")


def _rate(rate: float) -> Text:
    return figure(f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.2g}", "" if rate else "dim")


def _wait(stats: QueueStats | None) -> Text:
    return figure("-", "dim") if stats is None or stats.wait is None else figure(span(stats.wait.p95))


def _workers(glance: Glance) -> tuple[str, Table]:
    rows = [row for worker, running in glance.workers for row in _worker(worker, running, glance)]
    busy = sum(len(running) for _, running in glance.workers)
    slots = sum(worker.concurrency for worker, _ in glance.workers)
    title = f"{count(len(glance.workers), 'worker')}, {busy} of {count(slots, 'slot')} at work"
    return title, Table(["WORKER", "HOST", "JOB", "FOR", "COMMAND"], rows)


def _worker(worker: Worker, running: Sequence[Job], glance: Glance) -> list[list[Cell]]:
    name = worker.name if worker.stop_by is None else Text(f"{worker.name} (stopping)", "yellow")
    if not running:
        return [[name, worker.host, Text("idle", "dim"), "", ""]]
    return [
        [name, worker.host, clean(job.id), _age(job.claimed_at, glance.at), _line(_doing(job, glance))]
        for job in running
    ]


def _doing(job: Job, glance: Glance) -> str:
    progress = glance.progress.get(job.id)
    return job.run.text if progress is None else far(progress, task_of(job.run) or job.run.text)


def _failures(glance: Glance) -> tuple[str, Table]:
    rows: list[list[Cell]] = [
        [
            clean(job.id),
            Text(job.state, COLOURS[job.state]),
            job.queue,
            _age(job.updated_at, glance.at),
            _line(job.last_error.told if job.last_error else ""),
        ]
        for job in glance.failures
    ]
    return "last failures", Table(["JOB", "STATE", "QUEUE", "AGO", "ERROR"], rows)


def _age(since: datetime | None, now: datetime) -> str:
    return "" if since is None else age(now - since)


def _line(text: str) -> str:
    return shortened(clean(text), COMMAND_MAX)
