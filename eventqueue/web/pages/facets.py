"""By what jobs that fit a filter can be told apart further: each kind as a link that asks for it, or no more."""

from collections.abc import Sequence

import msgspec

from eventqueue.audit.facets import EACH, Facets
from eventqueue.audit.rewording import added, asked_of, without
from eventqueue.audit.tally import By, Kind
from eventqueue.errors import InvalidInput, Refused, redact
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown
from eventqueue.web.searching import searched

MOST = 10  # kinds of each that are shown
LOOKED_AT = 5_000  # jobs: each tab asks for it about once a minute
TITLES = {"state": "State", "queue": "Queue", "task": "Task", "tag": "Tag", "error": "Error"}
NONE = {"task": "no task: a command", "tag": "no tag", "error": "no error"}


class Value(msgspec.Struct, frozen=True):
    """One kind: how it is called, of how many jobs, where the list with it or without it is; None: in none."""

    label: str
    count: int
    address: str | None
    is_chosen: bool


class Group(msgspec.Struct, frozen=True):
    """Kinds by one thing; `left_out`: of these so many that there are more of."""

    by: By
    title: str
    values: Sequence[Value]
    left_out: int


def show(asked: Asked) -> Shown:
    """Show how many there are of each kind."""
    search, found, problem = searched(asked), None, None
    try:
        if search.problem is None:
            found = (
                asked.then.facets(search.wanted) if asked.then else asked.queue.facets(search.wanted, most=LOOKED_AT)
            )
    except (InvalidInput, Refused) as error:
        problem = redact(str(error))
    what = {
        "search": search,
        "problem": problem,
        "facets": found,
        "groups": () if found is None else [_group(asked, search.text, found, by) for by in EACH if by in found.kinds],
    }
    return Shown("facets.html", "Kinds of jobs", what, 200 if found else 400)


def _group(asked: Asked, text: str, found: Facets, by: By) -> Group:
    kinds, chosen = found.kinds[by], asked_of(text, _field(by))
    shown = [one for place, one in enumerate(kinds) if place < MOST or one.value in chosen]
    values = [_value(asked, text, by, one) for one in shown]
    return Group(by, TITLES[by], values, len(kinds) - len(shown))


def _field(by: By) -> str:
    """Return the field of a filter that chooses jobs of such a kind."""
    return "fingerprint" if by == "error" else by


def _value(asked: Asked, text: str, by: By, kind: Kind) -> Value:
    if kind.value is None:
        return Value(NONE.get(by, "none"), kind.count, None, is_chosen=False)
    field = _field(by)
    is_chosen = kind.value in asked_of(text, field)
    then = without(text, field, kind.value) if is_chosen else added(text, field, kind.value)
    return Value(kind.example or kind.value, kind.count, asked.link("/jobs", q=then or None), is_chosen)
