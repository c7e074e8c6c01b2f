"""Keys of the live screen that come before there is anything that they could be for: they do nothing."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest
from textual.app import App
from textual.binding import Binding
from textual.events import Key

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.app import NOTHING
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.errors import Errors
from eventqueue.cli.screen.help import Help
from eventqueue.cli.screen.jobs import Jobs
from eventqueue.cli.screen.overview import Overview
from eventqueue.cli.screen.workers import Workers
from tests.cli.headless import Headless

BOARDS: Sequence[Callable[[], Board]] = (Overview, Workers, Errors, Help, lambda: Jobs(""))


def press_early(queue: Queue, *keys: str) -> None:
    """Press these keys, all before anything is drawn."""

    async def run() -> None:
        app = Headless(queue)
        for key in keys:
            app.post_message(Key(key, None))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert app.failed is None

    asyncio.run(run())


@pytest.mark.parametrize("opening", [(), ("w",), ("e",), ("question_mark",), ("slash",)])
def test_keys_may_come_before_the_screen_that_they_are_for(queue: Queue, opening: Sequence[str]) -> None:
    queue.enqueue(command="true")
    queue.status()

    press_early(queue, *opening, "r", "c", "p", "a", "tab", "s", "I", "space", "enter", "down", "escape")


@pytest.mark.parametrize("board", BOARDS)
def test_where_nothing_is_drawn_yet_there_is_nothing_to_be_done(board: Callable[[], Board]) -> None:
    assert [board().deed(kind) for kind in NOTHING] == [None] * len(NOTHING)
    for binding in vars(type(board())).get("BINDINGS", ()):
        assert asyncio.run(App[None]().run_action(cast("Binding", binding).action, board()))
