"""What another policy of retries would have changed, for people."""

from datetime import datetime

from rich.text import Text

from eventqueue.audit.simulation import Chance, Effects, Simulated
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.system.printable import clean
from eventqueue.telling.words import count, span
from eventqueue.telling.zone import moment

CHANCES_SHOWN = 10


def simulated(found: Simulated) -> list[Table | Text]:
    """What changes in each queue, the first chances, and what all of it rests on."""
    if not found.queues:
        return [Text("Nothing failed in that time.")]
    rows = [_queue(name, effects) for name, effects in sorted(found.queues.items())]
    titles = ["QUEUE", "DEAD", "CHANCES", "FIRST AT", "LAST AT", "ATTEMPTS", "RUN TIME", "SOONER OVER", "LOST", "SAVED"]
    return [
        Table(titles, rows, loose=4, whole=True),
        *_chances(found),
        Text(""),
        *(Text(f"· {one}", "dim") for one in found.assumed),
    ]


def _queue(name: str, effects: Effects) -> list[Cell]:
    return [
        clean(name),
        effects.dead,
        effects.chances,
        _at(effects.first_at),
        _at(effects.last_at),
        _between(f"{effects.attempts_least:,}", f"{effects.attempts_most:,}"),
        _between(span(effects.seconds_least), span(effects.seconds_most)),
        effects.sooner,
        effects.lost,
        _saved(effects),
    ]


def _chances(found: Simulated) -> list[Table | Text]:
    if not found.chances:
        return []
    shown = [_chance(one) for one in found.chances[:CHANCES_SHOWN]]
    total = sum(one.chances for one in found.queues.values())
    more = [Text(f"… and {count(total - len(shown), 'job')} more: --json names them.")] if total > len(shown) else []
    return [Text(""), Table(["JOB", "DIED AT", "NEXT AT", "LAST AT", "ATTEMPTS"], shown, loose=3, whole=True), *more]


def _chance(one: Chance) -> list[Cell]:
    times = [_at(at) for at in (one.died_at, one.first_at, one.last_at)]
    return [clean(one.job), *times, _between("1", f"{one.attempts_most:,}")]


def _at(at: datetime | None) -> str | None:
    return None if at is None else moment(at, "seconds")


def _between(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def _saved(effects: Effects) -> str | None:
    if not effects.attempts_saved:
        return None
    return f"{count(effects.attempts_saved, 'attempt')}, {span(effects.seconds_saved)}"
