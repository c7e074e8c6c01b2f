"""The screen of one job: why it is in its state, its history, and what it writes, as it writes it."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from eventqueue.api.following import AttemptBegan, AttemptEnded, AttemptUnseen, AttemptWrote, Followed
from eventqueue.api.queue import Queue
from eventqueue.cli.render.columns import figure
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.acts import Intent, ToSome
from eventqueue.cli.screen.asking import in_thread, tell
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.lines import Lines
from eventqueue.cli.screen.pane import Pane, cell, titled
from eventqueue.cli.screen.reading import Reading
from eventqueue.cli.screen.rows import Rows
from eventqueue.errors import QueueError
from eventqueue.model.deeds import CANCEL, RETRY
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.job import FINAL, Job
from eventqueue.ports.views import Glance
from eventqueue.system.printable import OutputFlow
from eventqueue.telling.describe import describe
from eventqueue.telling.story import story
from eventqueue.telling.words import COLOURS, count, span
from eventqueue.telling.zone import moment

SHOWN = 200  # events


class Step(NamedTuple):
    """An event of the job, and the one before it."""

    recorded: Recorded
    before: Recorded | None


class Told(NamedTuple):
    """All that was read of the job."""

    job: Job
    why: str
    steps: Sequence[Step]


def _after(step: Step) -> Text:
    one, before = step.recorded, step.before
    return figure("" if before is None else f"+{span((one.at - before.at).total_seconds())}")


PANE = Pane(
    "history",
    (
        Column("#", lambda step: figure(str(step.recorded.version), "dim"), 2),
        Column("TIME", lambda step: cell(moment(step.recorded.at, "seconds"))),
        Column("AFTER", _after, 3),
        Column("EVENT", lambda step: cell(type_of(step.recorded.event), "bold")),
        Column("WHAT", lambda step: cell(describe(step.recorded)), is_text=True),
        Column("BY", lambda step: cell(step.recorded.actor), 1, is_text=True),
    ),
    lambda step: str(step.recorded.version),
    {"#": lambda step: -step.recorded.version},
    nothing="",
)


class OneJob(Board):
    """One job."""

    KEYS = (("r", "retry"), ("c", "cancel"), ("Tab", "pane"), ("Esc", "back"))
    DEFAULT_CSS = """
    OneJob > #why { height: auto; max-height: 8; width: 100%; }
    OneJob Lines { height: 1fr; width: 100%; }
    """

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id
        self._reading = Reading(self, lambda queue: read(queue, job_id), self._show)
        self._is_followed = False
        self._followed = -1  # up to which attempt: of a job that has ended none is read twice

    def body(self) -> ComposeResult:
        """See Board."""
        yield Static(cell("reading …", "dim"), id="why", markup=False)
        yield Rows(PANE)
        yield Lines("what it writes", id="output")

    def on_mount(self) -> None:
        """See Screen."""
        self.query_one(Lines).focus()

    def draw(self, glance: Glance) -> None:  # noqa: ARG002 - it is read by itself
        """See Board."""
        self._reading.go_on()

    def _show(self, told: Told) -> None:
        job = told.job
        why = Text.assemble(("Job ", "bold"), (cell(job.id).plain, "bold"), " is ", (job.state, COLOURS[job.state]))
        what = f"in queue {job.queue}: {job.run.text}"
        self.query_one("#why", Static).update(Text("\n").join([why, cell(what, "dim"), _lines(told.why)]))
        self.query_one(Rows).show_rows(told.steps, titled(f"history, {count(told.job.version, 'event')}"))
        if not self._is_followed and (job.state not in FINAL or job.attempts > self._followed):
            self._follow(job.attempts)

    # What it writes

    def _follow(self, attempts: int) -> None:
        """Have what its attempts write shown, from the last one on, until the job or this screen has ended."""
        self._is_followed, self._followed = True, attempts
        self.query_one(Lines).clear()
        in_thread(self._read_output)

    def _read_output(self) -> None:
        shown, app = _Output(), self.app  # which a screen that was left knows no more
        try:
            followed = self.top.queue.follow_output(self._job_id)
            for one in takewhile(lambda _: self.is_attached, followed):
                if isinstance(one, AttemptBegan):
                    self._followed = one.attempt
                for part in () if one is None else shown.parts(one):
                    if not tell(app, partial(self._add, part)):
                        return
        except QueueError as error:
            problem = str(error)
            tell(app, partial(self._add, _Part(cell(problem, "red"), is_line=True)))
        tell(app, self._is_over)

    def _add(self, part: "_Part") -> None:
        if not self.is_attached or not part.text:
            return
        lines = self.query_one(Lines)
        if part.is_line:
            lines.add_line(part.text)
        else:
            lines.add(part.text, is_over=part.is_over)

    def _is_over(self) -> None:
        self._is_followed = False

    def deed(self, kind: str) -> Intent | None:
        """See Board."""
        return None if kind == "pause" else ToSome({"retry": RETRY, "cancel": CANCEL}[kind], [self._job_id])


class _Part(NamedTuple):
    """A text that is shown; whether it is a line of its own, or takes the place of the last line."""

    text: Text
    is_line: bool = False
    is_over: bool = False


class _Output:
    """What is followed, as it is shown."""

    def __init__(self) -> None:
        self._flows = {"stdout": OutputFlow(), "stderr": OutputFlow()}

    def parts(self, one: Followed) -> Iterator[_Part]:
        """Yield what is shown of it."""
        match one:
            case AttemptBegan(attempt=attempt, host=host):
                yield _Part(cell(f"attempt {attempt}, on {host}:", "dim"), is_line=True)
            case AttemptWrote(stream=stream, data=data, lost=lost):
                if lost:
                    text = f"{stream}: what came before this, {count(lost, 'byte')}, is not kept"
                    yield _Part(cell(text, "yellow"), is_line=True)
                shown = self._flows[stream].feed(data)
                # Within it a text of rich has what comes last; of what was before it knows nothing.
                yield _Part(Text.from_ansi(shown, no_wrap=False), is_over="\r" in shown.partition("\n")[0])
            case AttemptUnseen(why=why):
                yield _Part(cell(f"what it writes cannot be seen for now: {why}", "yellow"), is_line=True)
            case AttemptEnded(by=by, error=error):
                yield _Part(cell(f"it ended: {by}{f', {error.told}' if error else ''}", "dim"), is_line=True)


def read(queue: Queue, job_id: str) -> Told:
    """Return all that is told of a job: the newest SHOWN of its events. Raises QueueError."""
    told = story(queue, job_id, SHOWN)
    steps = [Step(one, before) for before, one in zip([told.before, *told.events], told.events, strict=False)]
    return Told(told.job, told.why.text, steps)


def _lines(text: str) -> Text:
    whole = cell(text)
    whole.no_wrap = False
    return whole
