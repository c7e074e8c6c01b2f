"""Works in threads of their own: one of a kind, watched, stopped, and told of as they end."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from eventqueue.errors import Refused
from eventqueue.web.acting import labour
from eventqueue.web.acting.labour import Labours, Outcome, Tell
from tests.patience import PATIENCE_S

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def labours() -> Iterator[Labours]:
    found = Labours(lambda: NOW)
    yield found
    found.end()


class Held:
    """A work that tells `first`, and then goes on only when it is let."""

    def __init__(self, first: int = 1) -> None:
        self.first = first
        self.has_told = threading.Event()
        self.may_end = threading.Event()
        self.has_ended = threading.Event()

    def __call__(self, tell: Tell) -> Outcome:
        try:
            tell(self.first)
            self.has_told.set()
            assert self.may_end.wait(PATIENCE_S)
            tell(self.first + 1)
            return Outcome("All is well")
        finally:
            self.has_ended.set()


def _join(labours: Labours, kind: str) -> None:
    if (thread := labours._threads.get(kind)) is not None:
        thread.join(PATIENCE_S)


def test_a_work_is_seen_while_it_goes_on_and_its_outcome_once_it_has_ended(labours: Labours) -> None:
    work = Held(first=7)
    labours.start("audit", "The verification of everything", "ann", work, total=10, unit="events")
    assert work.has_told.wait(PATIENCE_S)

    seen = labours.get("audit")
    assert seen is not None
    assert (seen.is_running, seen.done, seen.total, seen.by, seen.outcome) == (True, 7, 10, "ann", None)
    work.may_end.set()
    _join(labours, "audit")
    ended = labours.get("audit")
    assert ended is not None
    assert (ended.is_running, ended.outcome, ended.is_well, ended.ended_at) == (False, "All is well", True, NOW)


def test_of_a_kind_one_goes_on_at_a_time_and_the_other_names_who_began_it(labours: Labours) -> None:
    work = Held()
    labours.start("rebuild", "The rebuild of the views", "ann", work)

    with pytest.raises(Refused, match="The rebuild of the views goes on, begun by ann"):
        labours.start("rebuild", "The rebuild of the views", "bob", Held())

    work.may_end.set()
    _join(labours, "rebuild")
    again = Held()
    again.may_end.set()
    assert labours.start("rebuild", "The rebuild of the views", "bob", again).by == "bob"


def test_a_work_that_there_is_no_thread_for_does_not_go_on_and_can_be_begun_later(
    labours: Labours, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            labours.start("audit", "The verification", "ann", lambda _: Outcome("All is well"))

    assert labours.get("audit") is None
    labours.start("audit", "The verification", "ann", lambda _: Outcome("All is well"))
    _join(labours, "audit")
    ended = labours.get("audit")
    assert ended is not None
    assert ended.outcome == "All is well"


def test_only_so_many_go_on_at_a_time(labours: Labours) -> None:
    works = [Held() for _ in range(labour.RUNNING_MAX)]
    for number, work in enumerate(works):
        labours.start(str(number), "Something", "ann", work)

    with pytest.raises(Refused, match="enough to do"):
        labours.start("more", "Something", "ann", Held())
    for work in works:
        work.may_end.set()


def test_a_work_that_is_to_stop_does_where_it_tells_how_far_it_is(labours: Labours) -> None:
    work = Held()
    labours.start("audit", "The verification of everything", "ann", work)
    assert work.has_told.wait(PATIENCE_S)

    assert labours.stop("audit") is not None
    work.may_end.set()
    _join(labours, "audit")

    found = labours.get("audit")
    assert found is not None
    assert (found.outcome, found.is_well) == ("It was stopped", False)
    assert labours.stop("audit") is None


def test_what_is_refused_is_told_in_its_words_and_what_fails_is_logged(
    labours: Labours, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(_: Tell) -> Outcome:
        raise Refused("There is no log: mongodb://ann:secret@host/")

    def fails(_: Tell) -> Outcome:
        raise ZeroDivisionError

    labours.start("refuses", "One", "ann", refuses)
    labours.start("fails", "Two", "ann", fails)
    _join(labours, "refuses")
    _join(labours, "fails")

    refused, failed = labours.get("refuses"), labours.get("fails")
    assert refused is not None
    assert failed is not None
    assert "There is no log" in (refused.outcome or "")
    assert "secret" not in (refused.outcome or "")
    assert (failed.is_well, "Two failed" in caplog.text) == (False, True)


def test_when_the_process_ends_what_goes_on_is_stopped_and_told(caplog: pytest.LogCaptureFixture) -> None:
    labours, work = Labours(lambda: NOW), Held()
    labours.start("audit", "The verification of everything", "ann", work)
    assert work.has_told.wait(PATIENCE_S)

    ending = threading.Thread(target=labours.end)
    ending.start()
    work.may_end.set()
    ending.join(PATIENCE_S)

    assert work.has_ended.is_set()
    assert "The verification of everything was not done to its end" in caplog.text
    with pytest.raises(Refused):
        labours.start("rebuild", "The rebuild of the views", "ann", Held())


def test_outcomes_are_kept_of_the_newest_alone(labours: Labours, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labour, "KEPT_MAX", 2)
    for kind in ("one", "two", "three"):
        labours.start(kind, "Something", "ann", lambda _: Outcome("Done"))
        _join(labours, kind)

    assert set(labours.all) == {"two", "three"}
