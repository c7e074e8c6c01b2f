"""How many jobs there are of each kind."""

from collections import Counter
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.audit import tally
from eventqueue.audit.fitting import trait_of
from eventqueue.audit.tally import By, Kind, is_counted, kind, of_counters, of_traits, within_reach
from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import Job, State
from eventqueue.ports.views import Filter, Lag, Trait
from tests.builders import CANCELLED, DEAD_LETTERED, NOW, USED_UP_FAILURE, called, claimed, enqueued, job

FRESH = Lag(0.0)
DEAD = (enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED)
JOBS: list[Job] = [
    replace(job(*DEAD), queue="mail", tags=("red", "blue", "red")),
    replace(job(*DEAD), updated_at=NOW + timedelta(hours=2, minutes=5)),
    replace(job(enqueued(), CANCELLED), queue="mail", tags=("red",)),
    replace(job(called("app.send")), created_at=NOW - timedelta(hours=3)),
]
EXIT = fingerprint("It ended with 1.")


@pytest.mark.parametrize(
    ("by", "wanted", "kinds"),
    [
        ("state", Filter(), [("dead", 2), ("cancelled", 1), ("pending", 1)]),
        ("queue", Filter(), [("default", 2), ("mail", 2)]),
        ("tag", Filter(), [("red", 2), (None, 2), ("blue", 1)]),
        ("task", Filter(), [(None, 3), ("app.send", 1)]),
        ("error", Filter(), [(EXIT, 2), (None, 2)]),
        ("hour", Filter(), [("2025-12-31T21:00Z", 1), ("2026-01-01T00:00Z", 3)]),
        ("hour", Filter(state=State.DEAD), [("2026-01-01T00:00Z", 3), ("2026-01-01T02:00Z", 1)]),
        (None, Filter(), []),
    ],
)
def test_jobs_are_counted_by(by: By | None, wanted: Filter, kinds: list[tuple[str | None, int]]) -> None:
    found = of_traits([trait_of(one, wanted) for one in JOBS], by, FRESH)

    assert (found.count, [(one.value, one.count) for one in found.kinds]) == (4, kinds)
    assert [one.example for one in found.kinds if one.value == EXIT] == ["It ended with 1."] * (by == "error")


@pytest.mark.parametrize("by", [None, "state", "queue"])
@pytest.mark.parametrize("wanted", [Filter(), Filter(state=State.DEAD), Filter(queue="mail"), Filter(queue="none")])
def test_counters_tell_what_the_jobs_would(by: By | None, wanted: Filter) -> None:
    counts = {
        queue: Counter(one.state for one in JOBS if one.queue == queue) | Counter({State.FAILED: 0})
        for queue in ("mail", "default")
    }
    fitting = [one for one in JOBS if wanted.state in (None, one.state) and wanted.queue in (None, one.queue)]

    assert is_counted(wanted, by)
    assert of_counters(counts, wanted, by, FRESH) == of_traits([trait_of(one, wanted) for one in fitting], by, FRESH)


def test_what_counters_do_not_tell_is_read_from_the_jobs() -> None:
    assert not is_counted(Filter(), "tag")
    assert not is_counted(Filter(tag="red"), "state")
    assert is_counted(Filter(limit=None, scan=True), None)


def test_jobs_that_are_very_many_are_counted_only_by_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "VAIN_MAX", 3)

    with pytest.raises(Refused, match=r"more than 3 jobs to count.*--scan"):
        list(within_reach(JOBS, Filter()))
    assert list(within_reach(JOBS, Filter(scan=True))) == JOBS
    assert list(within_reach(JOBS[:3], Filter())) == JOBS[:3]


def test_of_kinds_without_number_some_are_kept_and_jobs_of_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KINDS_MAX", 2)
    tagged = [Trait(tags=tags) for tags in (("a",), ("b", "c"), ("c", "d"), ("a", "e"), ("b",))]

    found = of_traits(tagged, "tag", FRESH)

    assert [(one.value, one.count) for one in found.kinds] == [("a", 2), ("b", 2)]
    assert (found.count, found.ungrouped) == (5, 3)


def test_examples_of_errors_are_kept_of_the_kinds_that_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "KINDS_MAX", 1)

    found = of_traits([Trait(message=one) for one in ("disk full", "no route", "disk full")], "error", FRESH)

    assert [(one.count, one.example) for one in found.kinds] == [(2, "disk full")]
    assert found.ungrouped == 1


def test_how_many_were_counted_is_told_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "TOLD_EVERY", 2)
    told: list[int] = []

    assert list(within_reach(JOBS, Filter(), told.append)) == JOBS
    assert told == [2, 4]


def test_what_is_no_kind_is_refused() -> None:
    assert kind("hour") == "hour"
    with pytest.raises(InvalidInput, match=r"by: is 'hours' \(is hour meant\?\)"):
        kind("hours")


def test_a_kind_without_a_value_is_of_none() -> None:
    assert of_traits([trait_of(JOBS[3], Filter())], "tag", FRESH).kinds == [Kind(None, 1)]
