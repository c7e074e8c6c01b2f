"""The inbox: nothing is lost or overtaken, and the engine is woken when there is something to do, not before."""

import threading
import time

from eventqueue.ports.finder import Signal
from eventqueue.worker.inbox import Inbox, Message, Stop
from eventqueue.worker.running.reports import Ended, Started

LONG_S = 60.0  # a guard: nothing here waits that long


def started(key: str) -> Started:
    return Started(key, 1, (0, 0))


def ended(key: str) -> Ended:
    return Ended(key=key)


class Waiting:
    """An engine's thread that gathers the ends of `runs`, or waits for any message if there are none."""

    def __init__(self, inbox: Inbox, runs: int = 0) -> None:
        wait = (lambda: inbox.gather(runs, 10 * LONG_S)) if runs else (lambda: inbox.wait(10 * LONG_S))
        self._thread = threading.Thread(target=wait, daemon=True)
        self._thread.start()
        # Nothing tells that a thread waits, or has found that it need not.
        while self._thread.is_alive() and not inbox._news._waiters:  # type: ignore[attr-defined]
            time.sleep(0.001)

    def is_woken(self) -> bool:
        self._thread.join(LONG_S)
        return not self._thread.is_alive()

    def sleeps(self, inbox: Inbox) -> bool:
        return self._thread.is_alive() and bool(inbox._news._waiters)  # type: ignore[attr-defined]


def test_messages_are_taken_in_the_order_in_which_they_were_put() -> None:
    inbox = Inbox()
    messages: list[Message] = [started("one"), ended("one"), Stop(1.0), started("two")]
    for message in messages:
        inbox.put(message)

    assert list(inbox.take()) == messages
    assert list(inbox.take()) == []


def test_who_waits_is_woken_by_an_end_but_not_by_a_start() -> None:
    inbox = Inbox()
    waiting = Waiting(inbox)

    inbox.put(started("one"))
    assert waiting.sleeps(inbox)
    inbox.put(ended("one"))

    assert waiting.is_woken()


def test_who_gathers_is_woken_by_the_last_end_and_by_none_before() -> None:
    inbox = Inbox()
    waiting = Waiting(inbox, runs=3)

    for key in ("one", "two"):
        inbox.put(ended(key))
        assert waiting.sleeps(inbox)
    inbox.put(ended("three"))

    assert waiting.is_woken()
    assert len(list(inbox.take())) == 3


def test_who_gathers_is_woken_by_any_other_news() -> None:
    for news in (Stop(0.0), Signal()):
        inbox = Inbox()
        waiting = Waiting(inbox, runs=3)

        inbox.put(news)

        assert waiting.is_woken()


def test_ends_that_came_before_the_gathering_count() -> None:
    inbox = Inbox()
    for key in ("one", "two"):
        inbox.put(ended(key))

    assert Waiting(inbox, runs=2).is_woken()


def test_after_a_gathering_each_end_wakes_again() -> None:
    inbox = Inbox()
    inbox.gather(5, 0.0)
    waiting = Waiting(inbox)

    inbox.put(ended("one"))

    assert waiting.is_woken()
