"""Kinds of errors that are let be: asking which and for how long, doing it, and heeding them again."""

from collections.abc import Mapping
from datetime import timedelta

from eventqueue.audit.rewording import added
from eventqueue.errors import InvalidInput, Refused
from eventqueue.ports.views import Filter
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown
from eventqueue.web.pages.dead import NEWEST

SPANS: Mapping[str, timedelta | None] = {
    "for a day": timedelta(days=1),
    "for an hour": timedelta(hours=1),
    "for a week": timedelta(weeks=1),
    "until they are heeded again": None,
}


def ask(asked: Asked) -> Shown:
    """Show what is to be ignored: how many there are, and one of them. Raises Refused."""
    if not asked.may_act:
        raise Refused("This is for looking only: no errors can be ignored here.")
    of = asked.query.get("fingerprint", "")
    found = asked.queue.errors(Filter(fingerprint=of), newest=NEWEST)
    if not found.groups:
        raise InvalidInput("fingerprint", "is of no job that is failed or dead now")
    group = found.groups[0]
    what = {"group": group, "spans": [*SPANS], "text": added("", "fingerprint", of), "of_newest": group.count >= NEWEST}
    return Shown("ignore.html", "Ignore errors", what)


def do(asked: Asked) -> Done:
    """Have a kind be ignored. Raises InvalidInput."""
    of, span = asked.form.get("fingerprint", ""), asked.form.get("for", "")
    if span not in SPANS:
        raise InvalidInput("for", f"is one of these: {', '.join(SPANS)}")
    until = None if (lasts := SPANS[span]) is None else asked.now + lasts
    done = asked.queue.ignore_errors(of, until=until, why=asked.why)
    return Done(f"Errors {of} are ignored{'' if done.is_new else ' already'} {span}", "/dead")


def undo(asked: Asked) -> Done:
    """Have a kind be heeded again. Raises InvalidInput."""
    of = asked.form.get("fingerprint", "")
    done = asked.queue.unignore_errors(of, asked.why)
    return Done(f"Errors {of} are {'heeded again' if done.is_new else 'not ignored'}", "/dead")
