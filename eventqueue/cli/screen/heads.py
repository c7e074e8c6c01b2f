"""The head and the foot of a live screen: totals, rates, the lag; which keys work."""

from collections.abc import Sequence

from rich.text import Text

from eventqueue.cli.screen.pane import cell
from eventqueue.model.job import State
from eventqueue.ports.views import LATER_MAX, Glance, Lag
from eventqueue.telling.words import COLOURS, span
from eventqueue.telling.zone import moment

EVERYWHERE = (("?", "help"), ("q", "quit"))


def head(glance: Glance, silent_s: float | None = None, problem: str | None = None) -> tuple[Text, Text]:
    """Return two lines: how new all this is, and how much of everything there is.

    `silent_s`: for how many seconds the database has not answered; `problem`: what it answers instead.
    """
    first = Text.assemble(("queuectl top", "bold"), "  ", _freshness(glance.lag, silent_s, problem), end="")
    first.append(f"  {moment(glance.at, 'seconds')}", "dim")
    return first, Text("  ", end="").join(_totals(glance))


def keys(some: Sequence[tuple[str, str]], width: int) -> Text:
    """Return which keys work, as many as there is room for: those that work everywhere are last, and seen first."""
    ends = _named(EVERYWHERE)
    left = width - ends.cell_len - 2
    shown = list(some)
    while shown and _named(shown).cell_len > left:
        shown.pop()
    return cut(Text("  ", end="").join([_named(shown), ends]) if shown else ends, width)


def _named(some: Sequence[tuple[str, str]]) -> Text:
    return Text("  ", end="").join(Text.assemble((key, "bold"), f" {what}", end="") for key, what in some)


def _freshness(lag: Lag, silent_s: float | None, problem: str | None) -> Text:
    if silent_s is not None:
        return cell(f"not answering for {silent_s:.0f} s", "bold red")
    if problem is not None:
        return cell(problem, "red")
    if lag.is_fresh:
        return cell("up to date", "green")
    return cell("lag unknown" if lag.seconds is None else f"{span(lag.seconds)} behind", "yellow")


def _totals(glance: Glance) -> list[Text]:
    later, due = sum(glance.later.values()), sum(map(glance.due, glance.queues))
    failed, dead = (sum(of.get(state, 0) for of in glance.queues.values()) for state in (State.FAILED, State.DEAD))
    total = glance.stats.total
    parts = [
        # Of those that wait for a time no more were counted: some of what is told as due may wait, too.
        _amount(due, "due at most" if later >= LATER_MAX else "due", COLOURS[State.PENDING]),
        _amount(later, "later", "", "+" if later >= LATER_MAX else ""),
        cell(_slots(glance), "" if glance.workers else "yellow"),
        _amount(failed, "failed", COLOURS[State.FAILED]),
        _amount(dead, "dead", COLOURS[State.DEAD]),
    ]
    if glance.paused:
        parts.append(cell(f"{len(glance.paused):,} paused", "yellow"))
    return [*parts, cell(f"in {rate(total.in_per_minute)}/min  out {rate(total.out_per_minute)}/min")]


def _amount(amount: int, what: str, style: str, more: str = "") -> Text:
    return cell(f"{amount:,}{more} {what}", style if amount else "dim")


def _slots(glance: Glance) -> str:
    busy, slots = busy_of(glance)
    return f"{busy:,}/{slots:,} slots" if glance.workers else "no worker"


def busy_of(glance: Glance) -> tuple[int, int]:
    """Return how many slots of workers are at work, and how many there are."""
    return sum(len(jobs) for _, jobs in glance.workers), sum(worker.concurrency for worker, _ in glance.workers)


def rate(amount: float) -> str:
    """Return how often something happens, in two figures or so."""
    return f"{amount:,.0f}" if amount >= 10 or not amount else f"{amount:.2g}"


def cut(text: Text, width: int) -> Text:
    """Return a line that is no wider."""
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis")
    return text
