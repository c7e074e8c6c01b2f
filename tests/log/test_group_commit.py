"""Group commit: what several threads append at the same time goes together, and each gets its own results."""

import ctypes
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from eventqueue.errors import LogUnavailable
from eventqueue.log.group_commit import EVENTS_MAX, GroupCommit
from eventqueue.log.memory import MemoryLog
from eventqueue.ports.log import Append, Appended
from tests.builders import append, said
from tests.patience import PATIENCE_S


class Gated(MemoryLog):
    """A log whose appends wait for a gate; it remembers how many streams each of them had."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.sizes: list[int] = []
        self.fails = False

    def append(self, appends: Sequence[Append]) -> list[Appended]:
        self.sizes.append(len(appends))
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        if self.fails:
            raise LogUnavailable("the log is away")
        return super().append(appends)


@pytest.fixture
def log() -> Gated:
    return Gated()


@contextmanager
def waiting(commit: GroupCommit, log: Gated, *asked: Sequence[Append]) -> Iterator[list[Future[Sequence[Appended]]]]:
    """Have each of `asked` appended by a thread of its own while a first append is on its way; in that order."""
    with ThreadPoolExecutor(len(asked) + 1) as pool:
        first = pool.submit(commit.append, [append("job-first")])
        assert log.entered.wait(PATIENCE_S)
        futures = []
        for place, one in enumerate(asked, start=1):
            futures.append(pool.submit(commit.append, one))
            await_waiting(commit, place)
        try:
            yield futures
        finally:
            log.gate.set()
            first.exception(PATIENCE_S)


def await_waiting(commit: GroupCommit, count: int) -> None:
    give_up, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while len(commit._waiting) != count:
        assert time.monotonic() < give_up, "what the test waits for did not come"
        pause.wait(0.001)


def test_what_comes_while_one_is_on_its_way_goes_together_in_the_next(log: Gated) -> None:
    commit = GroupCommit(log)

    with waiting(commit, log, *([append(f"job-{number}")] for number in range(5))) as futures:
        log.gate.set()
        results = [future.result(PATIENCE_S) for future in futures]

    assert results == [[Appended(1)]] * 5
    assert log.sizes == [1, 5]
    assert all(len(log.read(f"job-{number}")) == 1 for number in range(5))


def test_each_thread_gets_the_results_of_its_own_appends(log: Gated) -> None:
    log.gate.set()
    log.append([append("job-taken", said("before"))])
    log.gate.clear()
    log.entered.clear()
    log.sizes.clear()
    commit = GroupCommit(log)
    asked = [[append("job-a"), append("job-taken")], [append("job-b", said(1), said(2))]]

    with waiting(commit, log, *asked) as (first, second):
        log.gate.set()
        won, lost = first.result(PATIENCE_S)

    assert (won, lost.count, lost.is_whole) == (Appended(1), 0, False)
    assert second.result() == [Appended(2)]
    assert log.sizes == [1, 3]


def test_two_threads_that_append_to_one_stream_go_one_after_the_other_and_one_loses(log: Gated) -> None:
    commit = GroupCommit(log)

    with waiting(commit, log, [append("job-one", said("a"))], [append("job-one", said("b"))]) as futures:
        log.gate.set()
        (first,), (second,) = (future.result(PATIENCE_S) for future in futures)

    assert (first.is_whole, second.is_whole) == (True, False)
    assert log.sizes == [1, 1, 1]


def test_what_fails_fails_for_all_who_went_together_and_not_for_who_comes_later(log: Gated) -> None:
    commit = GroupCommit(log)
    log.fails = True

    with waiting(commit, log, [append("job-a")], [append("job-b")]) as futures:
        log.gate.set()
        assert all(isinstance(future.exception(PATIENCE_S), LogUnavailable) for future in futures)
    log.fails = False

    assert commit.append([append("job-c")]) == [Appended(1)]


def test_a_group_has_an_end(log: Gated) -> None:
    commit = GroupCommit(log)
    half = EVENTS_MAX // 2
    asked = [[append(f"job-{letter}{number}") for number in range(half)] for letter in "abc"]

    with waiting(commit, log, *asked) as futures:
        log.gate.set()
        assert [len(future.result(PATIENCE_S)) for future in futures] == [half] * 3

    assert log.sizes == [1, 2 * half, half]


def test_one_who_gives_up_when_its_turn_has_come_leaves_it_to_the_next(log: Gated) -> None:
    commit = GroupCommit(log)
    idents: list[int] = []

    class Noted(list[Append]):
        """Appends that tell which thread asks for them."""

        def __iter__(self) -> Iterator[Append]:
            idents.append(threading.get_ident())
            return super().__iter__()

    with waiting(commit, log, Noted([append("job-gives-up")]), [append("job-stays")]) as (gives_up, stays):
        # Raised in that thread as soon as it wakes, as Ctrl-C is in the main one.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(idents[0]), ctypes.py_object(KeyboardInterrupt))
        log.gate.set()
        assert isinstance(gives_up.exception(PATIENCE_S), KeyboardInterrupt)
        assert stays.result(PATIENCE_S) == [Appended(1)]

    assert commit.append([append("job-later")]) == [Appended(1)]
    assert log.read("job-gives-up") == []
