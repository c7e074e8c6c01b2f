"""The screen of jobs: the newest that a filter lets through, read anew while one looks on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple

from msgspec.structs import replace
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from eventqueue.api.queue import Queue
from eventqueue.audit.filters import parse, text_of
from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.acts import Intent, ToSome
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.job import OneJob
from eventqueue.cli.screen.pane import Order, Pane, Short, cell, number, titled
from eventqueue.cli.screen.reading import Reading
from eventqueue.cli.screen.rows import Rows
from eventqueue.errors import InvalidInput
from eventqueue.model.deeds import CANCEL, RETRY
from eventqueue.model.ends import shown_among
from eventqueue.model.job import Job, State
from eventqueue.model.waits import Wait
from eventqueue.ports.views import Filter, Glance
from eventqueue.system.zones import zone
from eventqueue.telling.states import since, state_of
from eventqueue.telling.words import COLOURS, age, count, waiting

SHOWN = 200  # jobs


class JobRow(NamedTuple):
    """A job in a list, and what it waits for; `shown`: how an id is."""

    job: Job
    wait: Wait | None
    now: datetime
    shown: Short


class Found(NamedTuple):
    """What was read; whether that is all there is."""

    rows: Sequence[JobRow]
    is_all: bool


ORDERS: Mapping[str, Order[JobRow]] = {
    "": lambda _: 0,  # as they are listed: the newest first
    "STATE": lambda row: state_of(row.job, row.now),
    "QUEUE": lambda row: row.job.queue,
    "TRIES": lambda row: -row.job.attempts,
    "AGE": lambda row: row.now - since(row.job, row.now),
    "JOB": lambda row: row.job.id,
}


def _state(row: JobRow) -> Text:
    told = state_of(row.job, row.now)
    return cell(told, COLOURS[told])


PANE = Pane(
    "jobs",
    (
        Column("JOB", lambda row: cell(row.shown(row.job.id)), is_text=True),
        Column("STATE", _state),
        Column("WAITS", lambda row: cell("" if row.wait is None else waiting(row.wait, row.now)), 4),
        Column("QUEUE", lambda row: cell(row.job.queue), 5, is_text=True),
        Column("TRIES", lambda row: number(row.job.attempts), 6),
        Column("AGE", lambda row: figure(age(max(timedelta(), row.now - since(row.job, row.now)))), 1),
        Column("COMMAND", lambda row: cell(row.job.run.text), 3, is_text=True),
        Column("ERROR", lambda row: cell(row.job.last_error.told if row.job.last_error else ""), 2, is_text=True),
    ),
    lambda row: row.job.id,
    ORDERS,
    nothing="No such job.",
)


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
        self._reading = Reading(self, lambda queue: read(queue, self._each), self._show)

    def body(self) -> ComposeResult:
        """See Board."""
        yield Rows(PANE)

    @property
    def filter_text(self) -> str:
        """The filter as a text, as it may be typed."""
        return self._wanted if isinstance(self._wanted, str) else text_of(self._wanted)

    def _each(self, now: datetime) -> Sequence[Filter]:
        wanted = filtered(self._wanted, now) if isinstance(self._wanted, str) else self._wanted
        return [replace(wanted, state=state) for state in self._states] or [wanted]

    def draw(self, glance: Glance) -> None:  # noqa: ARG002 - they are read by themselves
        """See Board."""
        self._reading.go_on()

    def _show(self, found: Found) -> None:
        number = count(len(found.rows), "job") if found.is_all else f"the newest {len(found.rows)}"
        self.query_one(Rows).show_rows(found.rows, titled(number, self.filter_text, self._about))

    def on_rows_entered(self, event: Rows.Entered) -> None:
        """See Rows."""
        self.app.push_screen(OneJob(event.row.job.id))

    def action_mark_all(self) -> None:
        """Mark all that are shown, or none of them where all are."""
        if self.pane is not None:
            self.pane.mark_all()

    def deed(self, kind: str) -> Intent | None:
        """See Board."""
        ids = [] if self.pane is None else [row.job.id for row in self.pane.chosen]
        return ToSome({"retry": RETRY, "cancel": CANCEL}[kind], ids) if ids and kind != "pause" else None


def read(queue: Queue, wanted: Callable[[datetime], Sequence[Filter]]) -> Found:
    """Return the newest jobs that each of the filters of now lets through, and their waits. Raises QueueError."""
    now = queue.connection.ground.clock.now()
    walks = [queue.walk(replace(one, limit=SHOWN + 1), is_brief=True) for one in wanted(now)]
    jobs = [job for walk in walks for job in walk]
    if len(walks) > 1:
        jobs.sort(key=lambda job: job.updated_at, reverse=True)
    shown = jobs[:SHOWN]
    waits, short = queue.waits(shown), shown_among(job.id for job in shown)
    rows = [JobRow(job, waits.get(job.id), now, short) for job in shown]
    return Found(rows, len(jobs) <= SHOWN)


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
