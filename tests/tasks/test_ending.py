"""What an exception that a task raised means for its job."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import eventqueue
from eventqueue import ArgumentsChanged, Discard, Fail, Retry, Snooze
from eventqueue.model.events import FOUND, Error
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.ending import LONGEST, MESSAGE_MAX, NAME_MAX, TRACEBACK_MAX, of_error
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Snoozed

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)


def outcome(error: BaseException, *, attempt: int = 1, **declared: Any) -> Outcome:
    try:
        raise error
    except BaseException as raised:
        return of_error(Declared(name="send", function=print, **declared), raised, attempt, NOW)


def raised(error: BaseException, **declared: Any) -> Raised:
    found = outcome(error, **declared)
    assert isinstance(found, Raised)
    return found


def test_any_exception_is_tried_again_after_the_jobs_own_backoff() -> None:
    found = raised(ValueError("no such order"))

    assert (found.error.type, found.error.message) == ("ValueError", "no such order")
    assert not found.is_final
    assert found.delay is None


def test_only_the_exceptions_named_are_tried_again() -> None:
    assert not raised(ConnectionError("reset"), retry_on=(OSError,)).is_final
    assert raised(ValueError("no"), retry_on=(OSError,)).is_final


def test_exceptions_may_end_the_job_without_a_failure() -> None:
    assert outcome(KeyError("order 7"), discard_on=(LookupError,)) == Discarded("KeyError: 'order 7'")


def test_a_task_says_itself_what_is_to_become_of_its_job() -> None:
    in_an_hour = NOW + timedelta(hours=1)

    assert raised(Retry(after=timedelta(minutes=5))).delay == timedelta(minutes=5)
    assert raised(Retry(after=0.5)).delay == timedelta(seconds=0.5)
    assert raised(Retry()).delay is None
    assert outcome(Snooze(until=in_an_hour)) == Snoozed(timedelta(hours=1))
    assert outcome(Snooze(after=90)) == Snoozed(timedelta(seconds=90))
    assert outcome(Snooze(until=NOW - timedelta(hours=1))) == Snoozed(timedelta(0))
    assert outcome(Discard("the order is gone")) == Discarded("the order is gone")
    assert raised(Fail("the card is stolen")).is_final
    assert raised(Fail("the card is stolen"), retry_on=(Exception,)).is_final


def test_arguments_that_fit_no_more_are_not_tried_again_blindly() -> None:
    found = raised(ArgumentsChanged("send", "to", "expected int, got str"), retry_on=(Exception,))

    assert found.is_final
    assert found.error.type == "ArgumentsChanged"


@pytest.mark.parametrize("given", [{}, {"until": NOW, "after": 1}])
def test_a_snooze_takes_a_time_or_a_duration(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one of the two"):
        Snooze(**given)


def test_a_snooze_until_a_time_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Snooze(until=datetime(2026, 1, 1))  # noqa: DTZ001 - meant


@pytest.mark.parametrize(
    ("says", "wait"),
    [
        (timedelta(seconds=7), timedelta(seconds=7)),
        (7, timedelta(seconds=7)),
        (-1, timedelta(0)),
        ("soon", None),
        (float("nan"), None),
        (None, None),
        (timedelta.max, timedelta(days=36_500)),
    ],
    ids=str,
)
def test_a_backoff_of_the_tasks_own_is_resolved_when_it_fails(says: Any, wait: timedelta | None) -> None:
    asked: list[tuple[int, str]] = []

    def backoff(attempt: int, error: BaseException) -> Any:
        asked.append((attempt, str(error)))
        return says

    assert raised(ValueError("no"), attempt=3, backoff=backoff).delay == wait
    assert asked == [(3, "no")]


def test_a_traceback_has_the_users_frames_first_and_no_values() -> None:
    def pay(card: str) -> None:
        assert card == "4111"
        int("twelve".encode("no such codec"))

    secret = "4111"
    with pytest.raises(LookupError) as caught:
        pay(secret)

    text = raised(caught.value).error.traceback
    assert text
    assert text.index("in pay") < text.index("LookupError: unknown encoding")
    assert "in outcome" in text
    assert "'4111'" not in text.replace('assert card == "4111"', "")


def test_what_led_to_an_exception_is_told_before_it() -> None:
    def fail() -> None:
        try:
            dict[str, int]()["order"]
        except KeyError as error:
            raise RuntimeError("cannot be billed") from error

    with pytest.raises(RuntimeError) as caught:
        fail()

    text = raised(caught.value).error.traceback
    assert text
    assert text.index("KeyError: 'order'") < text.index("which led to:") < text.index("RuntimeError: cannot be billed")


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(), "ValueError"),
        (ValueError("x" * 10_000), "x" * (MESSAGE_MAX - 1) + "…"),
        (ValueError("\ud800"), "\\ud800"),
        (Silent(), "(its message cannot be read: ValueError)"),
    ],
    ids=["nothing", "long", "surrogate", "refusing"],
)
def test_a_message_is_always_there_and_can_be_kept(error: BaseException, message: str) -> None:
    assert raised(error).error.message == message


class Odd(Exception):
    def __eq__(self, other: object) -> bool:
        raise ValueError("no")

    __hash__ = None  # type: ignore[assignment]


def test_exceptions_that_cannot_be_compared_are_told_like_others() -> None:
    def fail() -> None:
        try:
            raise Odd("one")
        except Odd as error:
            raise Odd("two") from error

    with pytest.raises(Odd) as caught:
        fail()

    text = raised(caught.value).error.traceback
    assert text
    assert text.index("Odd: one") < text.index("Odd: two")


def test_the_members_of_a_group_are_told_and_what_was_noted() -> None:
    inner = ValueError("no such order")
    inner.add_note("order 7")

    text = raised(ExceptionGroup("two of them", [inner, ExceptionGroup("more", [KeyError("x")])])).error.traceback

    assert text
    assert "member 1 of 2:\n  ValueError: no such order\n  order 7\n" in text
    assert "    KeyError: 'x'" in text


def test_a_reason_that_could_not_be_kept_is_told_in_escapes() -> None:
    assert outcome(Discard("\ud800")) == Discarded("\\ud800")


def test_a_deep_recursion_leaves_a_traceback_that_can_be_kept() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as caught:
        deeper()

    assert len(raised(caught.value).error.traceback or "") <= TRACEBACK_MAX


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (SystemExit(3), "SystemExit: 3"),
        (AssertionError(), "AssertionError"),
        (ValueError(" "), "ValueError"),
    ],
    ids=repr,
)
def test_an_exception_is_told_by_its_type_and_what_it_says_if_anything(error: BaseException, told: str) -> None:
    found = raised(error).error

    assert found.told == told
    assert (found.traceback or "").rstrip().endswith(f"\n{told}")
    assert outcome(error, discard_on=(BaseException,)) == Discarded(told)


def test_what_a_worker_finds_itself_is_told_by_its_words_alone() -> None:
    source = "".join(path.read_text() for path in Path(eventqueue.__file__).parent.glob("worker/**/*.py"))
    found = set(re.findall(r'type="([a-z-]+)"(?: if \w+ else "([a-z-]+)")?', source))

    assert {one for pair in found for one in pair if one} == FOUND
    assert Error(type="exit-code", message="exit code 3").told == "exit code 3"


def test_whatever_an_exceptions_class_is_called_its_name_can_be_kept() -> None:
    found = raised(type("Ä" * 200_000, (Exception,), {})("no"))

    assert len(found.error.type) == NAME_MAX
    found.error.type.encode()


class Unreadable:
    def __str__(self) -> str:
        raise SystemExit(3)


class Unlike(Exception):
    """What can be odd in an exception."""

    def __str__(self) -> str:
        raise SystemExit(3)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise OSError("no class")


class Nameless(Exception):
    __module__ = None  # type: ignore[assignment]


class Restless(Snooze):
    def __init__(self) -> None: ...


class Backwards(Snooze):
    def delay(self, now: datetime) -> timedelta:
        return timedelta(seconds=-5)


def noted(notes: Any) -> Exception:
    error = ValueError("no such order")
    error.__notes__ = notes
    return error


@pytest.mark.parametrize(
    ("error", "type_", "message"),
    [
        (noted(None), "ValueError", "no such order"),
        (noted([Unreadable()]), "ValueError", "no such order"),
        (ValueError(Unreadable()), "ValueError", "(its message cannot be read: SystemExit)"),
        (Nameless("x"), "None.Nameless", "x"),
        (Unlike("x"), "Exception", "the exception cannot be told of: OSError"),
        (Restless(), "Exception", "the exception cannot be told of: AttributeError"),
    ],
    ids=["notes", "note", "text", "module", "class", "directive"],
)
def test_however_odd_an_exception_is_it_is_told_of(error: BaseException, type_: str, message: str) -> None:
    found = raised(error, discard_on=(KeyError,))

    assert (found.error.type, found.error.message) == (type_, message)


def test_a_task_that_snoozes_until_any_time_snoozes_within_bounds() -> None:
    west, east = timezone(timedelta(hours=-12)), timezone(timedelta(hours=12))

    assert outcome(Snooze(until=datetime.max.replace(tzinfo=west))) == Snoozed(LONGEST)
    assert outcome(Snooze(until=datetime.min.replace(tzinfo=east))) == Snoozed(timedelta(0))
    assert outcome(Backwards(after=1)) == Snoozed(timedelta(0))


def test_an_exception_of_a_module_is_named_with_it() -> None:
    assert raised(Silent()).error.type == "tests.tasks.test_ending.Silent"
