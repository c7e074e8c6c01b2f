"""The views as tables for people: how they are kept, what they count, and in what they differ from the log."""

from collections.abc import Sequence

from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table, figure
from eventqueue.ports.views import MISSING_MAX, TOLD_MAX, Activity, Counters, Difference, Lag, ViewHealth
from eventqueue.system.printable import clean
from eventqueue.telling.words import at_least, count, shortened, span
from eventqueue.telling.zone import moment

COLOURS = {
    Activity.CAUGHT_UP: "green",
    Activity.AT_WORK: "cyan",
    Activity.BUILDING: "blue",
    Activity.STALLED: "bold red",
    Activity.UNATTENDED: "red",
    Activity.UNKNOWN: "yellow",
}
NAMED_MAX = 10  # parked jobs of a view
PROBLEM_MAX = 500  # characters
UNKNOWN = figure("unknown", "dim")


def is_troubled(one: ViewHealth) -> bool:
    """Whether an operator should do something about it."""
    return bool(one.parked) or one.activity in (Activity.STALLED, Activity.UNKNOWN)


def projections(found: Sequence[ViewHealth]) -> list[Table | Text]:
    """Each view with how it is kept; below, what is parked, and what an operator should know."""
    if not found:
        return [Text("There are no views yet: whoever reads first builds them, or `queuectl projector start`.")]
    rows: list[list[Cell]] = [
        [
            one.name,
            one.version,
            Text(one.activity, COLOURS[one.activity]),
            _number(one.applied),
            _rate(one.rate),
            *_lag(one),
            figure(str(len(one.parked)), "red" if one.parked else "dim"),
            Text("nobody", "dim") if one.holder is None else clean(one.holder),
        ]
        for one in found
    ]
    titles = ["VIEW", "VERSION", "STATE", "APPLIED", "EVENTS/S", "BEHIND", "EVENTS", "CAUGHT UP", "PARKED", "HOLDER"]
    return [Table(titles, rows, loose=3, whole=True), *_notes(found)]


def _lag(one: ViewHealth) -> tuple[Cell, Cell, Cell]:
    if one.activity is Activity.BUILDING:
        return "", "", ""
    return (
        _behind(one.lag),
        UNKNOWN if one.lag_events is None else _missing(one.lag_events),
        UNKNOWN if one.caught_up_at is None else moment(one.caught_up_at, "seconds"),
    )


def _behind(lag: Lag) -> Cell:
    if lag.seconds is None:
        return UNKNOWN
    return figure("0", "dim") if lag.is_fresh else figure(span(lag.seconds))


def _number(number: int | None) -> Cell:
    return UNKNOWN if number is None else number


def _rate(rate: float | None) -> Cell:
    return UNKNOWN if rate is None else round(rate)


def _notes(found: Sequence[ViewHealth]) -> list[Text]:
    lines = [Text.assemble(("✘ ", "red"), clean(note)) for note in dict.fromkeys(one.note for one in found) if note]
    lines += [
        Text(f"{passed_over(one.skipped, one.skipped_first)}.") for one in found[:1] if one.skipped_first is not None
    ]
    for one in found:
        for parked in one.parked[:NAMED_MAX]:
            problem = shortened(clean(parked.problem), PROBLEM_MAX)
            retry = f"`queuectl projections retry {one.name} {clean(parked.job)}`"
            lines.append(Text.assemble(("✘ ", "red"), f"job {clean(parked.job)} is parked: {problem}; mended: {retry}"))
        if (more := len(one.parked) - NAMED_MAX) > 0:
            lines.append(Text(f"… and {count(more, 'job')} more that {one.name} has parked: --json names them."))
    return [Text(""), *lines] if lines else []


def _missing(events: int) -> Cell:
    return f"{events:,} or more" if events >= MISSING_MAX else events


def passed_over(number: int, first: str) -> str:
    """What there is to say of events that stand in no stream known here."""
    events = at_least(number, TOLD_MAX, "event")
    return f"skipped: {events} in no stream known here, such as {clean(first)} (a newer eventqueue's?)"


def counters(found: Counters) -> Table:
    """A projection's counters, a line a key."""
    rows: list[list[Cell]] = [
        [" ".join(map(str, key)), "  ".join(f"{name} {amount:,}" for name, amount in sorted(names.items()))]
        for key, names in found
    ]
    return Table(["KEY", "COUNTS"], rows)


def differences(found: Sequence[Difference]) -> Table:
    """What a view has and the log's fold has not, or the other way round."""
    rows: list[list[Cell]] = [[one.projection, one.where, shortened(clean(one.problem), PROBLEM_MAX)] for one in found]
    return Table(["VIEW", "WHERE", "DIFFERENCE"], rows)
