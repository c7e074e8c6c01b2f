"""What an audit found, in words: what each kind of finding is about, how much there is, and what is to be done."""

from collections.abc import Mapping, Sequence

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Kind, Verdict, kind_of
from eventqueue.telling.words import count

TITLES: Mapping[Kind, str] = {
    Kind.LOST: "The log has less than it had",
    Kind.SEALED: "Not as it was sealed",
    Kind.LOG: "Wrong in the log, or in what is kept beside it",
    Kind.VIEW: "Views that show otherwise than the log",
    Kind.COUNTER: "Counters that count otherwise than the log",
}
OF: Mapping[Kind, str] = {
    Kind.LOST: "of what is lost",
    Kind.SEALED: "of what was sealed",
    Kind.LOG: "of the log",
    Kind.VIEW: "of views",
    Kind.COUNTER: "of counters",
}
REBUILD = "`queuectl projections rebuild` makes the views new."
KEEP = (
    "Before anything is mended: stop workers and projectors, keep what is there with `queuectl audit export --out "
    "FILE`, and see docs/tampering.md."
)


def summary(verdict: Verdict) -> str:
    """How much was found, of what, and what is to be done."""
    found = by_kind(verdict)
    kinds = ", ".join(f"{len(found[kind]):,} {OF[kind]}" for kind in Kind if kind in found)
    told = f"of the first {len(verdict.findings):,} " if verdict.more else ""
    parts = f": {told}{kinds}" if len(found) > 1 else ""
    where = f"{count(verdict.jobs, 'job')}, {count(verdict.events, 'event')}"
    remedy = REBUILD if verdict.is_of_views_alone else KEEP
    return f"{count(len(verdict.findings) + verdict.more, 'finding')} in {where}{parts}. {remedy}"


def by_kind(verdict: Verdict) -> Mapping[Kind, Sequence[Finding]]:
    """Return what was found, by what it is about."""
    found: dict[Kind, list[Finding]] = {}
    for one in verdict.findings:
        found.setdefault(kind_of(one), []).append(one)
    return found
