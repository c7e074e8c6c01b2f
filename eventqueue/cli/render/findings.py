"""What an audit found, for people: the gravest first, each with what should be and what is, and much of a kind cut."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Kind, Verdict
from eventqueue.system.printable import clean
from eventqueue.telling.verdicts import TITLES, by_kind
from eventqueue.telling.words import count, shortened

MOST = 20  # of one kind
VALUE = 26  # characters of what should be, and of what is
INDENT = "    "


def findings(verdict: Verdict) -> list[Text]:
    """What was found, a part a kind."""
    found = by_kind(verdict)
    return [line for kind in Kind if kind in found for line in (Text(""), *_part(kind, found[kind]))][1:]


def _part(kind: Kind, found: Sequence[Finding]) -> Iterator[Text]:
    yield Text(f"{TITLES[kind]}:", "bold red" if kind in (Kind.LOST, Kind.SEALED) else "bold")
    if kind is Kind.COUNTER:
        yield from _counters(found)
        return
    for one in found[:MOST]:
        yield from _finding(one)
    if (more := len(found) - MOST) > 0:
        yield Text(f"  … {more:,} more (--json has them)")


def _finding(one: Finding) -> Iterator[Text]:
    version = f" version {one.version}" if one.version else ""
    yield Text.assemble("  ", (f"{clean(one.stream)}{version}", "bold"), f": {clean(one.problem)}")
    # Where the sentence has both already there is nothing to add.
    if any(value is not None and value not in one.problem for value in (one.expected, one.found)):
        yield Text(f"{INDENT}expected {_value(one.expected)}, there is {_value(one.found)}", "dim")


def _value(value: str | None) -> str:
    return "nothing" if value is None else shortened(clean(value), VALUE)


def _counters(found: Sequence[Finding]) -> Iterator[Text]:
    kinds = [(*name, list(some)) for name, some in groupby(sorted(found, key=_named), _named)]
    for view, what, some in kinds[:MOST]:
        more = Counter(one.is_lost for one in some)
        told = clean(some[0].problem)
        if len(some) > 1:
            told = f"{more[True]:,} count more than the log, {more[False]:,} fewer; such as {told}"
        yield Text.assemble("  ", (f"{clean(view)} {clean(what)}".rstrip(), "bold"), f": {told}")
    if (left := len(kinds) - MOST) > 0:
        yield Text(f"  … {count(left, 'kind')} more (--json has them)")


def _named(one: Finding) -> tuple[str, str]:
    """Return the view that a counter is in, and the first part of its key, which says what it counts."""
    what, slash, _ = one.problem.partition("/")
    return one.stream, what if slash else ""
