"""Whether a task does what it does once, however often it runs."""

import pytest

from eventqueue.testing import TestQueue, assert_idempotent
from tests.testing import app


def test_a_task_that_does_it_once_passes() -> None:
    assert_idempotent(app.send_once, "ann", effects=lambda: list(app.outbox))
    assert len(app.outbox) == 1


def test_a_task_that_does_it_twice_is_told_what_it_did() -> None:
    with pytest.raises(AssertionError, match=r"changes what is done: \['ann'\] after it ran once, \['ann', 'ann'\]"):
        assert_idempotent(app.send, "ann", effects=lambda: list(app.outbox))


def test_what_effects_returns_is_compared_as_it_was_then() -> None:
    with pytest.raises(AssertionError, match="changes what is done"):
        assert_idempotent(app.send, to="ann", effects=lambda: app.outbox)


def test_jobs_that_are_enqueued_again_are_told() -> None:
    with pytest.raises(AssertionError, match=r"enqueues again \(job .*, task tests\.testing\.app\.send.*a key"):
        assert_idempotent(app.spread, ["ann", "bob"])


def test_jobs_with_a_key_are_the_same_jobs() -> None:
    assert_idempotent(app.spread_once, ["ann", "bob"])


@pytest.mark.parametrize(("times", "which"), [(100, "first"), (0, None)])
def test_a_run_that_fails_is_told_with_where(times: int, which: str | None) -> None:
    if which is None:
        assert_idempotent(app.fall, times=times)
        return
    with pytest.raises(AssertionError, match=f"(?s)Its {which} run did not come to its end: OSError.*in fall"):
        assert_idempotent(app.fall, times=times)


def test_an_assertion_of_the_task_is_raised_as_it_is() -> None:
    with pytest.raises(AssertionError, match="3 is left"):
        assert_idempotent(app.claims_too_much, 3)


def test_the_queue_in_use_has_nothing_of_it(queue: TestQueue) -> None:
    assert_idempotent(app.send_once, "ann")

    assert queue.list().jobs == []
