"""Rows of the live screen: however many there are, only those that are seen are drawn."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding

from eventqueue.api.queue import Queue
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.pane import Order, Pane
from eventqueue.cli.screen.queues import ORDERS, PANE, shown
from eventqueue.cli.screen.rows import Rows
from tests.cli.past import died

MANY, LINES = 3_000, 20


def pane(draw: Callable[[int], int]) -> Pane[int]:
    """Numbers, in three columns."""
    columns: Sequence[Column[int]] = (
        Column("N", draw),
        Column("M", lambda row: Text(str(-row), "red")),
        Column("ODD", lambda row: row % 2),
    )
    orders: Mapping[str, Order[int]] = {"N": lambda row: row, "M": lambda row: -row, "ODD": lambda row: -(row % 2)}
    return Pane("numbers", columns, str, orders, nothing="none")


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
    assert asyncio.run(App[None]().run_action(action, Rows(pane(abs))))


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


def pressed(*keys: str, before: Sequence[int] = (1, 2, 3), after: Sequence[int] = (1, 2, 3)) -> Rows[int]:
    """The rows after these keys; what is shown anew then are those `after`."""

    async def run() -> Rows[int]:
        app = OnePane()
        async with app.run_test(size=(40, LINES)) as pilot:
            app.rows.show_rows(before)
            app.rows.focus()
            await pilot.press(*keys)
            app.rows.show_rows(after)
            await pilot.pause()
            return app.rows

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("keys", "items"),
    [
        ("s", [3, 2, 1]),
        ("ss", [1, 3, 2]),
        ("sss", [1, 2, 3]),
        ("S", [1, 3, 2]),
        ("sS", [1, 2, 3]),
        ("I", [3, 2, 1]),
        ("II", [1, 2, 3]),
        ("SI", [2, 1, 3]),
    ],
)
def test_rows_are_in_the_order_that_keys_lead_to(keys: str, items: Sequence[int]) -> None:
    assert pressed(*keys).items == items


def test_a_mark_is_set_and_taken_away_by_the_same_key_and_goes_with_its_row() -> None:
    assert (pressed("space").marked, pressed("space").selected) == ({"1"}, 2)
    assert pressed("space", "up", "space").marked == set()
    assert pressed("space", "space").chosen == [1, 2]
    assert pressed("down").chosen == [2]
    assert pressed("space", "space", after=[2, 3]).marked == {"2"}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("is_inverted", [False, True])
def test_queues_with_a_backlog_come_first_in_whatever_order(queue: Queue, order: str, *, is_inverted: bool) -> None:
    queue.enqueue_many({"command": "true", "queue": "idle", "id": f"i{n}"} for n in range(3))
    for number in range(3):
        died(queue, f"i{number}")
    queue.enqueue(command="true", queue="waits")
    queue.status()
    rows, _ = shown(queue.glance())

    assert [row.name for row in PANE.arranged(rows, ORDERS[order], is_inverted=is_inverted)] == ["waits", "idle"]
