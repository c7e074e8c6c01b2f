"""The dead letters: jobs of which every attempt failed, those that failed alike as one group."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.errors import ErrorGroup, Errors
from eventqueue.audit.rewording import added
from eventqueue.errors import InvalidInput, Refused, redact
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from eventqueue.telling.unknown import unknown
from eventqueue.web.asked import Asked
from eventqueue.web.kept import RARE
from eventqueue.web.page import Shown
from eventqueue.web.searching import Search, searched

NEWEST, NEWEST_THEN = 2_000, 200  # dead letters that are grouped: of a time that is past each is read from the log
SHOWN = 50  # groups
ONLY = "A dead letter is dead: here no other state can be asked for."


class Alike(msgspec.Struct, frozen=True):
    """A group, and the filter that its jobs fit."""

    group: ErrorGroup
    text: str


def show(asked: Asked) -> Shown:
    """Show what jobs died of, the most first, or the latest."""
    search, found = _searched(asked), None
    problem = search.problem
    try:
        if problem is None:
            found = _errors(asked, search.wanted)
    except (InvalidInput, Refused) as error:
        problem = redact(str(error))
    sort = asked.query.get("sort", "")
    is_latest = sort == "last"
    alike = _alike(search.text, found, is_latest=is_latest) if found else ()
    what = {
        "text": search.text,
        "problem": problem,
        "found": found,
        "alike": [one for one in alike if one.group.ignored is None][:SHOWN],
        "ignored": [one for one in alike if one.group.ignored is not None][:SHOWN],
        "unknown": unknown(asked.seen, search.wanted.queue) if found and not found.failures else None,
        "no_order": f"There is no order {sort[:100]!r}: the most come first." if sort not in ("", "last") else None,
        "absent": found.absent[:SHOWN] if found else (),
        "unread": found.problems if found else (),
        "of_all": added(search.text, "state", State.DEAD) if problem is None else "",
        "of_newest": found is not None and "all" not in asked.query and found.failures >= _newest(asked),
        "number": _number(asked),
        "is_latest": is_latest,
        "now": asked.time,
    }
    return Shown("dead.html", "Dead letters", what, 200 if problem is None else 400)


def _errors(asked: Asked, wanted: Filter) -> Errors:
    newest = None if "all" in asked.query else _newest(asked)
    if asked.then is not None:
        return asked.then.errors(wanted, newest=newest)
    # Of very many that are ignored to read them is nearly all that a look costs.
    known = asked.once("ignored", asked.queue.known_errors, RARE)
    return asked.queue.errors(wanted, newest=newest, known=known)


def _newest(asked: Asked) -> int:
    return NEWEST_THEN if asked.then else NEWEST


def _searched(asked: Asked) -> Search:
    search = searched(asked)
    if any(state is not State.DEAD for state in search.wanted.any_state):
        return Search(search.text, problem=ONLY)
    return replace(search, wanted=replace(search.wanted, state=State.DEAD, state_in=()))


def _alike(text: str, found: Errors, *, is_latest: bool) -> Sequence[Alike]:
    groups = sorted(found.groups, key=lambda one: one.last, reverse=True) if is_latest else found.groups
    of_all = added(text, "state", State.DEAD)
    return [Alike(one, added(of_all, "fingerprint", one.fingerprint)) for one in groups]


def _number(asked: Asked) -> int:
    """Return how many dead letters there are, whatever is asked for."""
    seen = asked.seen
    if isinstance(seen, Queue):
        return seen.count(state=State.DEAD).count
    return sum(of.get(State.DEAD, 0) for of in seen.counts().values())
