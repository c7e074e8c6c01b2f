"""Which child a run goes to, and what is asked back."""

import os
from dataclasses import dataclass, field

import pytest

from eventqueue.worker.python.hand import Hand
from eventqueue.worker.python.hands import FORK_AGAIN_S, GIVE_UP_S, Hands
from eventqueue.worker.python.listening import Listening
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.python.spread import CHUNK, STUCK_S, choose, stuck
from tests.worker.python.stage import few_descriptors


@dataclass
class Child:
    """A child with so many runs."""

    sync_count: int = 0
    async_count: int = 0
    is_fresh: bool = True
    is_asked_back: bool = False
    doomed_by: object = None
    heard_at: float = 0.0
    runs: dict[int, None] = field(init=False)

    def __post_init__(self) -> None:
        self.runs = dict.fromkeys(range(self.sync_count + self.async_count))


def chosen(*children: Child, is_async: bool = False, threads: int = 1, may_fork: bool = False) -> Child | None:
    return choose(children, is_async=is_async, threads=threads, may_fork=lambda: may_fork)  # type: ignore[return-value,arg-type]


def test_a_run_goes_where_a_thread_is_free_before_a_child_is_made_and_behind_the_fewest_where_none_may_be() -> None:
    busy, busier, free = Child(2), Child(5), Child(1)

    assert chosen(busy, free, threads=2, may_fork=True) is free
    assert chosen(busy, busier, threads=2, may_fork=True) is None
    assert chosen(busy, busier, threads=2) is busy
    assert chosen(Child(1 + CHUNK)) is None
    assert chosen() is None
    assert chosen(Child(0, is_fresh=False)) is None


def test_an_async_run_takes_no_thread_and_finds_room_in_any_child() -> None:
    full, empty = Child(1 + CHUNK, async_count=3), Child(0, async_count=4)

    assert chosen(full, empty, is_async=True) is full
    assert chosen(full, empty, is_async=True, may_fork=True) is None
    assert chosen(Child(9), is_async=True, may_fork=True) is not None


def test_what_waits_is_asked_back_where_a_thread_is_idle_and_its_child_says_nothing_for_a_moment() -> None:
    waits, idle = Child(3), Child(0)

    def asked(*children: Child, now: float = STUCK_S, may_fork: bool = False) -> tuple[list[Child], float]:
        found, later = stuck(children, threads=1, may_fork=may_fork, now=now)  # type: ignore[arg-type]
        return list(found), later  # type: ignore[arg-type]

    assert asked(waits, idle) == ([waits], float("inf"))
    assert asked(waits, idle, now=0.0) == ([], STUCK_S)
    assert asked(waits, Child(1)) == ([], float("inf"))
    assert asked(waits, may_fork=True) == ([waits], float("inf"))
    assert asked(Child(3, is_asked_back=True), idle) == ([], float("inf"))
    assert asked(Child(3, doomed_by="a timeout"), idle) == ([], float("inf"))


def test_what_waits_is_given_up_where_there_was_no_child_for_a_while_and_each_try_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("eventqueue.worker.python.hands.monotonic", lambda: now)
    listening = Listening()
    there = Hands(PythonPlan(), listening)

    told: list[str | None] = []
    while now < GIVE_UP_S:
        there.wait_to_fork("no room")
        told.append(there.given_up())
        now += FORK_AGAIN_S
    assert set(told) == {None}
    there.wait_to_fork("no room")
    assert (there.given_up(), there.given_up()) == ("no room", None)

    there._by_serial[1] = hand = Hand(1, 1)
    there.wait_to_fork("no room")
    assert there.given_up() is None
    for fd in hand.theirs:
        os.close(fd)
    hand.close()
    listening.close()


def test_a_child_for_which_descriptors_are_missing_leaves_none_open() -> None:
    before = len(os.listdir("/proc/self/fd"))

    with few_descriptors(), pytest.raises(OSError, match="Too many open files"):
        Hand(1, 1)

    assert len(os.listdir("/proc/self/fd")) == before
