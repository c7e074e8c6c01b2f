"""Questions of the live screen: of each part one at a time, and of what was asked for meanwhile the newest."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from textual.app import App

from eventqueue.cli.screen.asking import Asking
from eventqueue.errors import Unavailable
from tests.patience import PATIENCE_S


class Screen:
    """Does at once what it is told; `is_told` counts that."""

    def __init__(self) -> None:
        self.told = threading.Semaphore(0)

    def call_later(self, act: Callable[[], object]) -> bool:
        act()
        self.told.release()
        return True


def asked(*questions: Callable[[], str]) -> Sequence[str]:
    """The answers to these, all of one part, of which the first is answered once the last was asked."""
    screen, found, begins = Screen(), list[str](), threading.Event()
    asking = Asking(cast("App[Any]", screen))

    def first() -> str:
        begins.wait(PATIENCE_S)
        return questions[0]()

    for one in (first, *questions[1:]):
        asking.ask("part", one, found.append, lambda problem: found.append(f"failed: {problem}"))
    begins.set()
    for _ in questions[:2]:
        assert screen.told.acquire(timeout=PATIENCE_S)
    assert not asking.is_asked("part")
    return found


def unanswered() -> str:
    raise Unavailable("No server.")


def test_of_what_is_asked_meanwhile_the_newest_is_answered() -> None:
    assert asked(lambda: "one", lambda: "two", lambda: "three") == ["one", "three"]


def test_who_gets_no_answer_is_told_why_and_the_next_is_asked() -> None:
    assert asked(unanswered, lambda: "two") == ["failed: No server.", "two"]
    assert asked(unanswered) == ["failed: No server."]
