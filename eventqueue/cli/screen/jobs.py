"""The screen of jobs: the newest that a filter lets through, read anew while one looks on."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple

from msgspec.structs import replace
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from eventqueue.api.queue import Queue
from eventqueue.audit.filters import parse, text_of
from eventqueue.cli.render.jobs import since, state_of
from eventqueue.cli.render.ranked import Column, cell
from eventqueue.cli.render.words import COLOURS, age, count, waiting
from eventqueue.cli.screen.acts import CANCEL, RETRY, Deed, ToSome
from eventqueue.cli.screen.asking import Pace
from eventqueue.cli.screen.board import Board, titled
from eventqueue.cli.screen.job import OneJob
from eventqueue.cli.screen.rows import Order, Rows
from eventqueue.errors import InvalidInput
from eventqueue.model.job import Job, State
from eventqueue.model.waits import Wait
from eventqueue.ports.views import Filter, Glance
from eventqueue.system.zones import zone

SHOWN = 200  # jobs
EVERY_S = 1.0  # between two looks, at least; and SHARE times what one took
SHARE = 4
SHARE_REFUSED, LATEST_S = 20, 30.0  # as SHARE, where nothing was shown


class JobRow(NamedTuple):
    """A job in a list, and what it waits for."""

    job: Job
    wait: Wait | None
    now: datetime


class Found(NamedTuple):
    """What was read, and how long that took."""

    rows: Sequence[JobRow]
    is_all: bool
    took_s: float


COLUMNS = (
    Column("JOB", is_loose=True, keeps_end=True),
    Column("STATE", 0),
    Column("WAITS", 3),
    Column("QUEUE", 4, is_loose=True),
    Column("TRIES", 5, is_figure=True),
    Column("AGE", 1, is_figure=True),
    Column("COMMAND", 2, is_loose=True),
    Column("ERROR", 2, is_loose=True),
)
ORDERS: Mapping[str, Order[JobRow]] = {
    "": lambda _: 0,  # as they are listed: the newest first
    "STATE": lambda row: state_of(row.job, row.now),
    "QUEUE": lambda row: row.job.queue,
    "TRIES": lambda row: -row.job.attempts,
    "AGE": lambda row: row.now - since(row.job, row.now),
    "JOB": lambda row: row.job.id,
}


class Jobs(Board):
    """The jobs that `wanted` lets through, a filter or the text of one, whose times are seen from each look.

    `states`: in each of these, else in whatever state it says. `about`: what more there is to say of them.
    """

    KEYS = (
        *(("Enter", "job"), ("/", "filter"), ("r", "retry"), ("c", "cancel"), ("Space", "mark"), ("a", "all")),
        *(("s", "sort"), ("Esc", "back")),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "mark_all", show=False)]

    def __init__(self, wanted: Filter | str, about: str = "", states: Sequence[State] = ()) -> None:
        super().__init__()
        self._wanted = wanted
        self._states = states
        self._about = about
        self._problem: str | None = None
        self._found: Found | None = None
        self._next = self._asked = 0.0
        self._pace = Pace()

    def body(self) -> ComposeResult:
        """See Board."""
        yield Rows(COLUMNS, _drawn, lambda row: row.job.id, ORDERS, nothing="reading …", id="jobs")

    @property
    def filter_text(self) -> str:
        """The filter as a text, as it may be typed."""
        return self._wanted if isinstance(self._wanted, str) else text_of(self._wanted)

    def _each(self, now: datetime) -> Sequence[Filter]:
        wanted = filtered(self._wanted, now) if isinstance(self._wanted, str) else self._wanted
        return [replace(wanted, state=state) for state in self._states] or [wanted]

    def draw(self, glance: Glance) -> None:  # noqa: ARG002 - they are read by themselves
        """See Board."""
        if time.monotonic() >= self._next and not self.top.asking.is_asked(self._part):
            self._asked = time.monotonic()
            self.top.asking.ask(self._part, lambda: read(self.top.queue, self._each), self._show, self._fail)

    @property
    def _part(self) -> str:
        return f"jobs {id(self)}"

    def _show(self, found: Found) -> None:
        self._found, self._problem = found, None
        self._next = time.monotonic() + max(EVERY_S, SHARE * self._pace.usual(found.took_s))
        if self.is_attached:
            number = count(len(found.rows), "job") if found.is_all else f"the newest {len(found.rows)}"
            pane = self.query_one(Rows)
            pane.nothing = "No such job."
            pane.show_rows(found.rows, titled(number, self.filter_text, self._about))

    def _fail(self, problem: str) -> None:
        # What was refused after very many jobs in vain would be so again: it costs as much as what is shown, and more.
        took_s = self._pace.usual(time.monotonic() - self._asked)
        self._next = time.monotonic() + max(EVERY_S, min(SHARE_REFUSED * took_s, LATEST_S))
        if problem != self._problem:
            self._problem = problem
            self.top.say(problem, "red")

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows."""
        self.app.push_screen(OneJob(event.row.job.id))

    def action_mark_all(self) -> None:
        """Mark all that are shown, or none of them where all are."""
        self.query_one(Rows).mark_all()

    def deed(self, kind: str) -> Deed | None:
        """See Board."""
        ids = [row.job.id for row in self.query_one(Rows).chosen]
        return ToSome({"retry": RETRY, "cancel": CANCEL}[kind], ids) if ids and kind != "pause" else None


def read(queue: Queue, wanted: Callable[[datetime], Sequence[Filter]]) -> Found:
    """Return the newest jobs that each of the filters of now lets through, and their waits. Raises QueueError."""
    began, now = time.monotonic(), queue.connection.ground.clock.now()
    walks = [queue.walk(replace(one, limit=SHOWN + 1), is_brief=True) for one in wanted(now)]
    jobs = [job for walk in walks for job in walk]
    if len(walks) > 1:
        jobs.sort(key=lambda job: job.updated_at, reverse=True)
    shown = jobs[:SHOWN]
    waits = queue.waits(shown)
    rows = [JobRow(job, waits.get(job.id), now) for job in shown]
    return Found(rows, len(jobs) <= SHOWN, time.monotonic() - began)


def filtered(text: str, now: datetime) -> Filter:
    """Return the filter that a text asks for, at this time. Raises InvalidInput."""
    return Filter(**parse(text, now, zone))


def wrong_with(text: str) -> str | None:
    """Return what is wrong with a filter that was typed."""
    try:
        filtered(text, datetime.now(UTC))  # any: only whether it is one is asked
    except InvalidInput as error:
        return error.problem
    return None


def _drawn(row: JobRow) -> Sequence[Text]:
    job, state = row.job, state_of(row.job, row.now)
    return (
        cell(job.id),
        cell(state, COLOURS[state]),
        cell("" if row.wait is None else waiting(row.wait, row.now)),
        cell(job.queue),
        cell(job.attempts),
        cell(age(max(timedelta(), row.now - since(job, row.now)))),
        cell(job.run.text),
        cell(job.last_error.told if job.last_error else ""),
    )
