"""What differs between two jobs, for people and as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.text import Text

from eventqueue.audit.differences import ABSENT, Differing
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.model.job import Job
from eventqueue.system.printable import clean
from eventqueue.telling.documents import differing, plain
from eventqueue.telling.zone import moment


def document(before: Job, after: Job, found: Sequence[Differing], *, show_env: bool) -> dict[str, Any]:
    """The two, and each field that differs, by the names that lead to it; what one of them has not is left out."""
    return {
        "before": _which(before),
        "after": _which(after),
        "differences": [_one(differing(one, show_env=show_env)) for one in found],
    }


def table(before: Job, after: Job, found: Sequence[Differing], *, show_env: bool) -> Table:
    """A line a field that differs."""
    shown = [differing(one, show_env=show_env) for one in found]
    rows: list[list[Cell]] = [[clean(".".join(one.path)), _cell(one.before), _cell(one.after)] for one in shown]
    return Table(["FIELD", *map(_title, (before, after))], rows, loose=2, whole=True)


def _which(job: Job) -> dict[str, Any]:
    return {"id": job.id, "version": job.version, "at": moment(job.updated_at)}


def _title(job: Job) -> str:
    return clean(f"{job.id} {job.version}")


def _one(one: Differing) -> dict[str, Any]:
    values = {"before": one.before, "after": one.after}
    return {"path": list(one.path), **{name: plain(value) for name, value in values.items() if value is not ABSENT}}


def _cell(value: Any) -> Cell:
    match value:
        case str():
            return clean(value)
        case datetime():
            return moment(value)
        case None:
            return Text("none", "dim")
        case _ if value is ABSENT:
            return None
        case _:
            return clean(msgspec.json.encode(plain(value)).decode())
