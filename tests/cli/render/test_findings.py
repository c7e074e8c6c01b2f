"""What an audit found, as people read it: what counts is not among a thousand others, and it is said what to do."""

from collections.abc import Iterable

from eventqueue.audit.rules import Finding
from eventqueue.audit.verdict import Kind, Verdict, kind_of
from eventqueue.cli.render.findings import MOST, VALUE, findings
from eventqueue.telling.verdicts import summary

LOST = Finding("job-report", 0, "the view has it, the log does not", "nothing of it", "version 3", is_lost=True)
SEALED = Finding("job-b", 2, "seal 7 has another hash for it", "ab" * 32, "cd" * 32, is_sealed=True)
ALTERED = Finding("job-c", 1, "its hash is not that of its bytes", "12" * 32, "34" * 32)
VIEW = Finding("job-d", 0, "the view has priority 9, its events 0", "0", "9")
COLLECTION = Finding("events", 0, "its index `ts` is missing", "{'ts': 1}", None)
CHECKPOINT = Finding("checkpoints", 0, "it names no last event")
COUNTER = Finding("stats-3", 0, "state/default pending: the view counts 2 more than the log", is_lost=True)


def verdict(*found: Finding, more: int = 0) -> Verdict:
    return Verdict(jobs=2, events=7, findings=found, more=more)


def lines(found: Iterable[Finding]) -> list[str]:
    return [line.plain for line in findings(verdict(*found))]


def test_each_finding_is_of_a_kind() -> None:
    kinds = {
        LOST: Kind.LOST,
        SEALED: Kind.SEALED,
        ALTERED: Kind.LOG,
        COLLECTION: Kind.LOG,
        VIEW: Kind.VIEW,
        CHECKPOINT: Kind.VIEW,
        COUNTER: Kind.COUNTER,
        Finding("?", 0, "it stands at no version of a stream; it was put in later", is_sealed=True): Kind.SEALED,
    }

    assert {one: kind_of(one) for one in kinds} == kinds


def test_what_is_lost_comes_first_and_counters_last() -> None:
    told = lines([COUNTER, VIEW, ALTERED, SEALED, LOST])

    order = [one.stream for one in (LOST, SEALED, ALTERED, VIEW, COUNTER)]
    assert [line.split()[0].rstrip(":") for line in told if line.startswith("  ") and line[2] != " "] == order
    assert told[0] == "The log has less than it had:"
    assert told[-1]


def test_with_each_is_said_what_was_expected_and_what_is_there_unless_its_sentence_does() -> None:
    assert lines([LOST])[2] == "    expected nothing of it, there is version 3"
    assert lines([VIEW])[2:] == []
    assert lines([COLLECTION])[2:] == ["    expected {'ts': 1}, there is nothing"]
    assert lines([ALTERED])[2] == f"    expected {'12' * 32:.{VALUE - 1}}…, there is {'34' * 32:.{VALUE - 1}}…"
    assert max(map(len, lines([ALTERED, SEALED]))) <= 80


def test_of_a_kind_the_first_are_told_and_how_many_more_there_are() -> None:
    many = [Finding(f"job-{number}", 1, "its hash is not that of its bytes") for number in range(1111)]

    told = lines([*many, LOST])

    assert len(told) < 2 * MOST
    assert told[-1] == "  … 1,091 more (--json has them)"
    assert told[1].startswith("  job-report: ")


def test_counters_of_one_kind_are_one_line() -> None:
    bins = [f"minute/2026-11-28T14:{minute}Z/default run-34" for minute in range(10, 30)]
    found = [
        Finding(
            "stats-3", 0, f"{name}: the view counts 1 {'more' if place else 'fewer'} than the log", is_lost=place > 0
        )
        for place, name in enumerate(bins)
    ]

    told = lines([*found, COUNTER])

    assert told == [
        "Counters that count otherwise than the log:",
        "  stats-3 minute: 19 count more than the log, 1 fewer; such as minute/2026-11-28T14:10Z/default "
        "run-34: the view counts 1 fewer than the log",
        "  stats-3 state: state/default pending: the view counts 2 more than the log",
    ]


def test_names_of_others_steer_no_terminal() -> None:
    (line,) = lines([Finding("job-\x1b[2J", 1, "is \x1b]0;x\x07", "\x1b[1m", None)])[1:2]

    assert line == "  job-\\x1b[2J version 1: is \\x1b]0;x\\x07"
    assert all(text.isprintable() for text in lines([Finding("job-a", 1, "?", "\x1b[1m", "\x07")]))


def test_in_the_end_it_says_how_many_there_are_of_what_and_what_to_do() -> None:
    told = summary(verdict(ALTERED, LOST, COUNTER, COUNTER))

    assert told.startswith("4 findings in 2 jobs, 7 events: 1 of what is lost, 1 of the log, 2 of counters. Before ")
    assert "audit export" in told
    assert "rebuild" not in told
    assert (
        summary(verdict(VIEW)) == "1 finding in 2 jobs, 7 events. `queuectl projections rebuild` makes the views new."
    )
    assert "1,003 findings in 2 jobs, 7 events: of the first 3 " in summary(verdict(ALTERED, VIEW, COUNTER, more=1000))


def test_no_rebuild_is_advised_where_a_seal_has_it_otherwise_or_not_all_is_told() -> None:
    assert "rebuild" not in summary(verdict(VIEW, more=1))
    assert "rebuild" not in summary(verdict(Finding("seal-log", 0, "no seal is signed", is_sealed=True), VIEW))
