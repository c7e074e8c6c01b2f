"""Rows of the live screen: however many there are, only those that are seen are drawn."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding

from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.pane import Pane
from eventqueue.cli.screen.rows import Rows

MANY, LINES = 3_000, 20


def pane(draw: Callable[[int], int]) -> Pane[int]:
    """Numbers, in two columns."""
    columns: Sequence[Column[int]] = (Column("N", draw), Column("M", lambda row: Text(str(-row), "red")))
    return Pane("numbers", columns, str, {"N": lambda row: row, "M": lambda row: -row}, nothing="none")


class OnePane(App[None]):
    """An application of one pane, which counts the rows that it draws."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[int] = []
        self.rows: Rows[int] = Rows(pane(self._draw))

    def compose(self) -> ComposeResult:
        yield self.rows

    def _draw(self, row: int) -> int:
        self.drawn.append(row)
        return row


def test_the_row_at_the_cursor_is_drawn_in_one_way_whatever_its_colours() -> None:
    async def drive() -> Sequence[Sequence[str]]:
        app = OnePane()
        async with app.run_test() as pilot:
            app.rows.show_rows([3, 4])
            await pilot.pause()
            return [
                [str(span.style) for span in line.spans] or [str(line.style)]
                for line in app.rows.render().split("\n")[2:4]
            ]

    at_cursor, other = asyncio.run(drive())
    assert set(at_cursor) == {"reverse"}
    assert "red" in other


def test_of_very_many_rows_those_that_are_seen_are_drawn() -> None:
    async def drawn_at_the_end() -> set[int]:
        app = OnePane()
        async with app.run_test(size=(40, LINES)) as pilot:
            app.rows.show_rows(range(MANY))
            await pilot.pause()
            assert 0 < len(set(app.drawn)) <= LINES
            app.drawn.clear()
            app.rows.focus()
            await pilot.press("end")
            await pilot.pause()
            return set(app.drawn)

    seen = asyncio.run(drawn_at_the_end())

    assert max(seen) == MANY - 1
    assert len(seen) <= 2 * LINES


@pytest.mark.parametrize("action", [cast("Binding", one).action for one in Rows.BINDINGS])
def test_no_key_comes_too_early(action: str) -> None:
    asyncio.run(App[None]().run_action(action, Rows(pane(abs))))


def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    async def selected() -> int | None:
        app = OnePane()
        async with app.run_test(size=(40, LINES)) as pilot:
            app.rows.show_rows([5, 6, 7])
            app.rows.focus()
            await pilot.press("down")
            app.rows.show_rows([1, 2, 5, 6, 7])
            await pilot.pause()
            return app.rows.selected

    assert asyncio.run(selected()) == 6
