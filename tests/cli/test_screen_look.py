"""Rows on a screen: columns give way by rank, what is in them steers nothing, and no row is too wide."""

from collections.abc import Sequence

import pytest
from rich.text import Text

from eventqueue.cli.render.columns import figure, text_of
from eventqueue.cli.render.fit import Need, fit, kept
from eventqueue.cli.render.named import Column
from eventqueue.cli.screen.look import Look
from eventqueue.cli.screen.pane import LONGEST, cell
from tests.cli.hostile import HOSTILE

Row = Sequence[str]
COLUMNS: Sequence[Column[Row]] = (
    Column("JOB", lambda row: row[0], is_text=True),
    Column("DUE", lambda row: figure(row[1])),
    Column("HOST", lambda row: row[2], 2, is_text=True),
    Column("LATER", lambda row: figure(row[3]), 1),
    Column("ERROR", lambda row: row[4], is_text=True),
)
ROW = ("0123456789ab", "12", "web-1.example.org", "7", "no space left on device")


def drawn(room: int, row: Row = ROW, look: Look | None = None) -> str:
    (line,) = (look or Look(COLUMNS)).lines([[text_of(one.cell(row)) for one in COLUMNS]], room)
    return line.plain


def titles(room: int) -> list[str]:
    look = Look(COLUMNS)
    drawn(room, look=look)
    return [COLUMNS[place].title for place in look.shown(room)]


def test_the_highest_rank_goes_first_and_rank_0_never() -> None:
    assert titles(200) == ["JOB", "DUE", "HOST", "LATER", "ERROR"]
    assert titles(45) == ["JOB", "DUE", "LATER", "ERROR"]
    assert titles(10) == ["JOB", "DUE", "ERROR"]


@pytest.mark.parametrize("room", [1, 10, 40, 60, 80, 200])
def test_a_row_is_as_wide_as_there_is_room(room: int) -> None:
    assert Text(drawn(room)).cell_len == room
    assert Text(drawn(room, ("漢字" * 20, "1", "漢", "2", "字" * 50))).cell_len == room


def test_who_wants_little_leaves_the_rest_to_the_others() -> None:
    needs = [Need(100, 12), Need(10, 12), Need(40, 12)]

    assert fit(needs, 94, is_strict=True) == [40, 10, 40]
    assert kept(needs, 20) == [0, 1, 2]


def test_what_others_stand_behind_is_no_longer_than_usual() -> None:
    assert drawn(200, ("x" * 100, *ROW[1:])).startswith("x" * 59 + "…")
    assert drawn(200, (*ROW[:4], "x" * 100)).rstrip().endswith("x" * 100)


def test_what_is_in_a_cell_is_one_line_of_what_prints() -> None:
    assert cell(HOSTILE).plain.isprintable()
    assert cell("[bold]x[/]").plain == "[bold]x[/]"


def test_what_is_too_long_for_a_cell_is_cut_with_a_sign() -> None:
    assert cell("x" * LONGEST).plain == "x" * LONGEST
    assert cell("x" * (LONGEST + 1)).plain.endswith("x…")


def test_no_column_becomes_narrower_while_one_looks_on() -> None:
    look = Look(COLUMNS)
    before = drawn(200, look=look).index(ROW[4])

    assert drawn(200, ("x", "1", "y", "2", "z"), look).index("z") == before
    look.forget()
    assert drawn(200, ("x", "1", "y", "2", "z"), look).index("z") < before
