"""What a process has called around its tasks."""

import logging
from datetime import timedelta

import pytest

from eventqueue import Context, on_dead, on_failure, on_start, on_success
from eventqueue.model.events import Error
from eventqueue.tasks import hooks
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Returned, Snoozed

FAILED = Raised(Error(type="ValueError", message="no"))


@pytest.fixture(name="called", autouse=True)
def what_is_called(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Hooks of each kind; what they are called with."""
    for kind in ("_on_start", "_on_success", "_on_failure", "_on_dead"):
        monkeypatch.setattr(hooks, kind, [])
    called: list[object] = []
    on_start(lambda ctx: called.append(("start", ctx.id)))
    on_success(lambda ctx, result: called.append(("success", ctx.id, result)))
    on_failure(lambda ctx, error: called.append(("failure", ctx.id, str(error))))
    on_dead(lambda ctx, error: called.append(("dead", ctx.id, str(error))))
    return called


def context(retries_left: int | None = 1) -> Context:
    return Context(id="one", task="send", attempt=1, claim=2, queue="default", retries_left=retries_left)


def after(outcome: Outcome, value: object, retries_left: int = 1) -> None:
    hooks.ended(context(retries_left), outcome, value)


def test_each_end_calls_what_waits_for_it(called: list[object]) -> None:
    hooks.starting(context())
    after(Returned({"id": 1}), "as it was returned")
    after(FAILED, ValueError("no"))

    assert called == [("start", "one"), ("success", "one", "as it was returned"), ("failure", "one", "no")]


@pytest.mark.parametrize(("outcome", "left"), [(FAILED, 0), (Raised(FAILED.error, is_final=True), 3)])
def test_the_last_failure_is_a_death_too(called: list[object], outcome: Outcome, left: int) -> None:
    after(outcome, ValueError("no"), left)

    assert called == [("failure", "one", "no"), ("dead", "one", "no")]


def test_what_is_put_off_or_discarded_is_no_failure(called: list[object]) -> None:
    after(Discarded("gone"), ValueError("gone"))
    after(Snoozed(timedelta(0)), ValueError("later"))

    assert called == []


def test_a_hook_that_raises_is_logged_and_stops_no_other(
    called: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    @on_success
    def breaks(ctx: Context, result: object) -> None:
        raise OSError("the metrics are down")

    on_success(lambda ctx, result: called.append("after it"))

    with caplog.at_level(logging.ERROR):
        after(Returned(1), 1)

    assert called == [("success", "one", 1), "after it"]
    assert "breaks failed" in caplog.text
