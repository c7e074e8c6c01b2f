"""An audit while everything goes on: no false alarm, nothing that it writes, and nothing that it may not do."""

from collections.abc import Iterator
from typing import Any

import pytest

from eventqueue.audit.rules import Finding
from eventqueue.errors import HistoryLost
from eventqueue.mongo.ground import Ground
from projections.auditing import inquiry
from projections.auditing.auditor import ViewAuditor
from projections.auditing.histories import one_by_one
from projections.registry import PROJECTIONS
from tests.builders import claimed, enqueued, said, sealed
from tests.projections.crowd import Crowd
from tests.projections.stage import build, finish, live_of, projecting, put


def found(ground: Ground) -> list[Finding]:
    return list(ViewAuditor(ground, PROJECTIONS).all().findings)


def test_while_people_and_workers_act_and_the_views_move_there_is_no_false_alarm(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "AT_ONCE", 50)
    crowd.act(5)
    with projecting(built), crowd.acting(size=10):
        alarms = [one for _ in range(3) for one in found(built)]

    assert alarms == []


def test_views_that_are_built_anew_meanwhile_are_no_alarm(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.act(5)
    finish(built)
    histories = inquiry.Inquiry._histories
    built_anew: list[int] = []

    def and_build(self: Any, *args: Any) -> None:
        if not built_anew:
            built_anew.append(build(built).number)
        histories(self, *args)

    monkeypatch.setattr(inquiry.Inquiry, "_histories", and_build)

    assert found(built) == []
    assert built_anew


def test_an_oplog_that_no_longer_reaches_back_is_told_and_the_histories_are_proven(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued(), claimed())

    def lost(*_: object, **__: object) -> None:
        raise HistoryLost("The oplog no longer reaches back to the checkpoint.")

    monkeypatch.setattr(inquiry, "Point", lost)
    built.database["events"].update_one({"_id.version": 2}, {"$set": {"actor": "mallory"}})

    verdict = ViewAuditor(built, PROJECTIONS).all()

    (finding,) = verdict.findings  # that others have written much is none
    assert (finding.stream, finding.version) == ("job-one", 2)
    assert any("The oplog no longer reaches back" in sentence for sentence in verdict.not_held)


def test_of_a_stream_however_long_no_more_is_held_than_is_looked_at() -> None:
    history = [one.raw for one in sealed(*[said(number) for number in range(4)], stream="views-live")]
    read: list[int] = []

    def batches() -> Iterator[bytes]:
        for number, raw in enumerate(history):
            read.append(number)
            yield raw

    ((stream, events),) = ((stream, events) for stream, events in one_by_one(batches(), lambda _: None) if next(events))

    assert (stream, read) == ("views-live", [0, 1, 2, 3])
    streams = one_by_one(batches(), lambda _: None)
    read.clear()
    _, events = next(streams)
    assert next(events).event is not None
    assert read == [0]


def test_what_was_found_beyond_what_is_told_is_counted(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.audit.verdict.FINDINGS_MAX", 3)
    for number in range(5):
        put(built, f"job-{number}", enqueued())
    finish(built)
    live_of(built).jobs.update_many({}, {"$set": {"priority": 9}})

    verdict = ViewAuditor(built, PROJECTIONS).all()

    assert (len(verdict.findings), verdict.more) == (3, 2)
