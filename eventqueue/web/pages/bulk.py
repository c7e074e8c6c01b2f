"""Acts on many jobs: what it would be done to, then one act, then what became of it."""

from collections.abc import Sequence
from itertools import chain, islice
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from eventqueue.api.bulk import Act
from eventqueue.api.finding import check_whole
from eventqueue.audit.rewording import asked_of
from eventqueue.errors import InvalidInput, Refused, redact
from eventqueue.model.deeds import DEEDS
from eventqueue.model.job import State
from eventqueue.model.names import one_of
from eventqueue.ports.views import Filter, Found, Lag
from eventqueue.telling.sums import told
from eventqueue.telling.words import count
from eventqueue.web.acting.act import Done
from eventqueue.web.acting.bulk_acts import BulkActs, Prepared
from eventqueue.web.acting.changes import FIELDS, changes
from eventqueue.web.acting.deeds import CHOICES, Choice
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.rows import Row, rows
from eventqueue.web.page import Shown
from eventqueue.web.searching import searched

SAMPLE = 10  # jobs
TICKED_MAX = 500  # jobs, whose ids are in an address


def ask(acts: BulkActs, asked: Asked) -> Shown:
    """Show to which jobs it would be done: how many, and some of them."""
    if not asked.may_act:
        raise Refused("This is for looking only: nothing can be done to jobs here.")
    choice, search = _choice(asked.query.get("deed", "")), searched(asked)
    if ids := _ticked(asked):
        return _form(asked, Prepared(choice, "", _named(asked, ids)), acts)
    if search.problem is not None:
        raise InvalidInput("", search.problem)
    _check(search.wanted, choice)
    found = asked.queue.find(search.wanted, states=choice.deed.states)
    check_whole(found.lag, "done")
    return _form(asked, Prepared(choice, search.text, found), acts)


def do(acts: BulkActs, asked: Asked) -> Done | Shown:
    """Do it, to the jobs that were counted."""
    prepared = acts.prepared(key := asked.form.get("key", ""))
    choice = prepared.choice
    is_first = prepared.act_id is None
    try:
        fields = changes(asked.form, asked.now) if choice.changes else {}
        act_id = acts.begin(prepared, lambda: choice.have(asked.queue, prepared.found, asked.why, fields))
    except InvalidInput as error:
        return _form(asked, prepared, acts, key, redact(str(error)))
    return Done("One act was made of it" if is_first else "That was asked for once already", f"/bulk/{act_id}")


def show(acts: BulkActs, asked: Asked) -> Shown:
    """Show what has become of an act by now, or in the end."""
    act = asked.queue.act(asked.path["act"])
    begun = acts.begun(act.id)
    found = act.sum or (begun.sum if begun else None)
    deed = DEEDS.get(act.what)
    what = {
        "act": act,
        "sum": found,
        "sentence": told(replace(found, id=None), deed) if found and deed else None,
        "problems": begun.sum.problems if begun else (),
        "problem": begun.problem if begun else None,
        "goes_on": begun is not None and not begun.is_over and act.ended_at is None,
        "is_known": begun is not None,
        "tried": _tried(act, acts),
    }
    return Shown("bulk_done.html", f"Act: {act.what}", what)


def stop(acts: BulkActs, asked: Asked) -> Done:
    """Have no more jobs of an act tried."""
    act_id = asked.path["act"]
    begun = acts.begun(act_id)
    if begun is None:
        raise Refused(f"Act {act_id} does not go on here: nothing is to be stopped.")
    begun.stop()
    return Done("It ends once the jobs that are on their way are done", f"/bulk/{act_id}")


def _choice(name: str) -> Choice:
    if name not in CHOICES:
        raise InvalidInput("deed", f"is {name!r}{one_of('the deeds', name, tuple(CHOICES))}")
    return CHOICES[name]


def _check(wanted: Filter, choice: Choice) -> None:
    """Raise InvalidInput for a state of which it can be done to none."""
    possible = choice.deed.possible
    for state in wanted.any_state:
        if state not in possible:
            known = " or ".join(possible)
            raise InvalidInput("", f"This is for jobs that are {known}: it can be done to none that is {state}.")


def _form(
    asked: Asked, prepared: Prepared, acts: BulkActs, key: str | None = None, problem: str | None = None
) -> Shown:
    """Return the page that asks; `key`: of what was prepared before, `problem`: why it could not be done so."""
    choice, found = prepared.choice, prepared.found
    jobs = count(len(found), "job")
    what = {
        "choice": choice,
        "text": prepared.text,
        "found": found,
        "key": key or (acts.prepare(prepared) if found.ids else None),
        "problem": problem,
        "asks": choice.deed.asks.format(jobs),
        "button": f"{choice.label} {jobs}",
        "rows": _sample(asked, found),
        "names_state": bool(asked_of(prepared.text, "state")),
        "fields": FIELDS if choice.changes else {},
        "now": asked.now,
    }
    return Shown("bulk.html", choice.label, what, 200 if problem is None else 400)


def _ticked(asked: Asked) -> Sequence[str]:
    """Return the ids that were ticked in a list, each once."""
    ids = dict.fromkeys(parse_qs(urlsplit(asked.url).query).get("id", ()))
    if len(ids) > TICKED_MAX:
        raise InvalidInput("", f"At most {TICKED_MAX} jobs can be ticked: a filter chooses more.")
    return [*ids]


def _named(asked: Asked, ids: Sequence[str]) -> Found:
    """Return jobs as if they had been found. Raises JobNotFound."""
    running = sum(asked.queue.get(one).state is State.PROCESSING for one in ids)
    return Found(ids, Lag(0.0), running=running)


def _sample(asked: Asked, found: Found) -> Sequence[Row]:
    if not found.wanted:
        return rows(asked.queue, [asked.queue.get(one) for one in found.ids[:SAMPLE]], asked.now)
    walks = (asked.queue.walk(replace(one, limit=SAMPLE), is_brief=True).jobs for one in found.wanted)
    return rows(asked.queue, list(islice(chain.from_iterable(walks), SAMPLE)), asked.now)


def _tried(act: Act, acts: BulkActs) -> int:
    begun = acts.begun(act.id)
    found = begun.sum if begun else act.sum
    return 0 if found is None else found.done + found.already + found.refused + found.in_doubt
