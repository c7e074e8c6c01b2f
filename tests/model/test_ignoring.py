"""Whether a kind of error is ignored: what may happen to it, that its last event says all, and when it is over."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import EMPTY, Event
from eventqueue.model.fingerprint import READ_MAX, fingerprint
from eventqueue.model.ignoring import (
    HEEDED,
    Disregard,
    Ignore,
    Ignored,
    IgnoredKind,
    Ignoring,
    Unignore,
    Unignored,
    decide,
    evolve,
    kind_of,
    known,
)
from tests.builders import NOW, enqueued, history, said

HOUR = timedelta(hours=1)
LIKE = "exit code 1: user 42 is gone"
STREAM = f"ignore-{fingerprint(LIKE)}"


def after(*events: Event) -> Disregard:
    return evolve(history(*events, stream=STREAM)[-1])


def ignored(found: Iterable[Disregard], at: datetime) -> Mapping[str, IgnoredKind]:
    return known(((STREAM, one) for one in found), at).kinds


IGNORED = after(Ignored(like=LIKE, until=NOW + HOUR, why="known"))


def test_what_is_ignored_tells_since_when_by_whom_until_when_and_why() -> None:
    assert IGNORED.ignoring == Ignoring(NOW, "test", NOW + HOUR, "known")
    assert after(Ignored(like=LIKE), Unignored()).ignoring is None


def test_it_can_be_ignored_and_heeded_and_what_is_so_already_stays_so() -> None:
    assert decide(HEEDED, Unignore(), NOW) == []
    assert decide(HEEDED, Ignore(LIKE, why="known"), NOW) == [Ignored(like=LIKE, why="known")]
    assert decide(IGNORED, Ignore(LIKE, NOW + HOUR), NOW) == []
    assert decide(IGNORED, Unignore("it hurts"), NOW) == [Unignored(why="it hurts")]


def test_another_end_or_another_reason_is_something_new_and_without_one_the_reason_stays() -> None:
    longer = Ignored(like=LIKE, until=NOW + 2 * HOUR, why="known")
    assert decide(IGNORED, Ignore(LIKE, NOW + 2 * HOUR), NOW) == [longer]
    assert decide(IGNORED, Ignore(LIKE), NOW) == [Ignored(like=LIKE, why="known")]
    assert decide(IGNORED, Ignore(LIKE), NOW + HOUR) == [Ignored(like=LIKE)]  # that one was over
    (again,) = decide(IGNORED, Ignore(LIKE, NOW + HOUR, "another"), NOW)
    assert again == Ignored(like=LIKE, until=NOW + HOUR, why="another")


def test_at_its_end_it_is_over_without_a_word() -> None:
    of = {fingerprint(LIKE)}

    assert ignored([IGNORED], NOW + HOUR - timedelta(milliseconds=1)).keys() == of
    assert ignored([IGNORED], NOW + HOUR) == {}
    assert decide(IGNORED, Unignore(), NOW + HOUR) == []
    assert decide(IGNORED, Ignore(LIKE, NOW + HOUR), NOW + HOUR) != []


def test_a_kind_is_what_its_message_is_of_whatever_its_stream_is_called() -> None:
    older = evolve(history(Ignored(like="exit code 1: user 7 is gone"), stream="ignore-0000000000")[-1])
    newer = evolve(history(Ignored(like=LIKE, why="later"), stream=STREAM, now=NOW + HOUR)[-1])

    found = ignored([newer, older, HEEDED], NOW + HOUR)

    assert {of: one.ignored.why for of, one in found.items()} == {fingerprint(LIKE): "later"}


def test_what_was_said_last_of_a_kind_is_over_at_its_end_whatever_was_said_before() -> None:
    for_ever = evolve(history(Ignored(like="exit code 1: user 7 is gone"), stream="ignore-0000000000")[-1])
    an_hour = evolve(history(Ignored(like=LIKE, until=NOW + 2 * HOUR), stream=STREAM, now=NOW + HOUR)[-1])

    for found in ([for_ever, an_hour], [an_hour, for_ever]):
        assert ignored(found, NOW + HOUR).keys() == {fingerprint(LIKE)}
        assert ignored(found, NOW + 2 * HOUR) == {}


def test_of_a_message_so_much_is_kept_as_tells_what_is_alike() -> None:
    (ignored,) = decide(HEEDED, Ignore("x" * (READ_MAX + 1)), NOW)

    assert isinstance(ignored, Ignored)
    assert ignored.like == "x" * READ_MAX
    assert fingerprint(ignored.like) == fingerprint("x" * (READ_MAX + 1))


COMMANDS = st.sampled_from([Ignore(LIKE), Ignore(LIKE, NOW + HOUR, "known"), Unignore()])


@given(st.lists(COMMANDS, min_size=1))
def test_after_a_command_it_is_as_asked_for_and_its_last_event_says_so(commands: list[Ignore | Unignore]) -> None:
    there = HEEDED
    for command in commands:
        for one in history(*decide(there, command, NOW), stream=STREAM, head=there.head):
            there = evolve(one)
        assert (there.ignoring is not None) is isinstance(command, Ignore)
        assert decide(there, command, NOW) == []


@pytest.mark.parametrize("event", [said(1), enqueued()])
def test_what_happens_to_no_kind_of_error_is_refused(event: Event) -> None:
    with pytest.raises(LogCorrupt, match=STREAM):
        evolve(history(event, stream=STREAM, head=EMPTY)[-1])


def test_of_what_was_looked_at_before_it_is_not_worked_out_again_what_kind_it_is_of() -> None:
    kinds = [after(Ignored(like=f"no such thing as {word}")) for word in ("this", "that", "those")]
    before = ignored(kinds, NOW)
    worked_out = kind_of.cache_info().misses

    assert ignored(kinds, NOW) == before
    assert (len(before), kind_of.cache_info().misses) == (3, worked_out)
