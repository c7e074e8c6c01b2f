"""The audit: whether all that the log says is sound, its seals, and who did what."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import SEALS, Seal, seal_of
from eventqueue.audit.verdict import Kind, Verdict
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import LogCorrupt
from eventqueue.model.events import Recorded
from eventqueue.sealing.signing import is_signed
from eventqueue.telling.unknown import unknown
from eventqueue.telling.verdicts import TITLES, by_kind, summary
from eventqueue.telling.words import count
from eventqueue.web.acting.act import Done
from eventqueue.web.acting.labour import Outcome, Tell
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.trail import read, trail_of, trail_of_act
from eventqueue.web.page import Shown

AUDIT = "audit"
SEALS_MAX = 3
FINDINGS_MAX = 50  # of each kind
DAY = timedelta(days=1)


class Sealed(msgspec.Struct, frozen=True):
    """A seal, and what is found of its signature: None where it has none, or that could not be looked at."""

    seal: Seal
    is_signed: bool | None


def show(asked: Asked) -> Shown:
    """Show the last audit of this process, the last seals, and who did what."""
    trail = trail_of(asked)
    found = read(asked, trail)
    queue, then = asked.queue, asked.then
    seals = _seals(queue, then.moment) if then else asked.once("seals", lambda: _seals(queue, None))
    return Shown(
        "audit.html",
        "Audit",
        {
            "labour": None if asked.then else asked.labours.get(AUDIT),
            "then": "/audit",
            "seals": seals,
            "trail": trail,
            "unknown": None if found["lines"] else unknown(asked.seen, trail.queue or None),
            **found,
        },
    )


def _seals(queue: Queue, until: datetime | None) -> Sequence[Sealed]:
    found = []
    wanted = Wanted(streams=(SEALS,), until=until)
    for one in islice(queue.events(wanted, reverse=True), SEALS_MAX):
        try:
            seal = seal_of(one) if isinstance(one, Recorded) else None
        except LogCorrupt:
            continue  # an audit tells of it
        if seal is not None:
            found.append(Sealed(seal, None if seal.key is None else is_signed(seal)))
    return found


def verify(asked: Asked) -> Done:
    """Prove everything, or what has changed within a day, in a thread."""
    is_all = asked.form.get("of") != "day"
    since = None if is_all else asked.now - DAY
    what = "The verification of everything" if is_all else "The verification of what has changed within a day"
    total = (2 if _seals(asked.queue, None) else 1) * asked.queue.log_size() if is_all else None

    def audit(tell: Tell) -> Outcome:
        return _told(asked.queue.verify_all(tell, since=since))

    asked.labours.start(AUDIT, what, asked.visitor.user, audit, total=total, unit="events")
    return Done(f"{what} has begun", "/audit")


def _told(verdict: Verdict) -> Outcome:
    beside = [*(f"Not held against the log: {one}" for one in verdict.not_held)]
    beside += [f"Held against {one}" for one in verdict.against]
    if not verdict.findings:
        looked = f"{count(verdict.jobs, 'job')}, {count(verdict.events, 'event')}"
        return Outcome(f"{looked} verified, nothing found", found=beside)
    found, told = by_kind(verdict), []
    for kind in Kind:
        some = found.get(kind, ())
        for one in some[:FINDINGS_MAX]:
            version = f" version {one.version}" if one.version else ""
            told.append(f"{TITLES[kind]}: {one.stream}{version}: {one.problem}")
        if len(some) > FINDINGS_MAX:
            told.append(f"{TITLES[kind]}: {len(some) - FINDINGS_MAX:,} more, which `queuectl audit verify --all` tells")
    return Outcome(summary(verdict).rstrip("."), is_well=False, found=[*told, *beside])


def show_act(asked: Asked) -> Shown:
    """Show an act on many jobs: what was done, by whom and why, to which, and what became of it."""
    act = asked.queue.act(asked.path["id"])
    if asked.then is not None and act.begun_at > asked.then.moment:
        return Shown("refused.html", "Not yet", {"problem": f"Act {act.id} was not begun by then."}, 404)
    trail = trail_of_act(asked, act)
    return Shown("act.html", f"Act {act.id}", {"act": act, "trail": trail, **read(asked, trail)})
