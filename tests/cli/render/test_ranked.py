"""Rows on a screen: columns give way by rank, what is in them steers nothing, and no row is too wide."""

import pytest
from rich.text import Text

from eventqueue.cli.render.ranked import LONGEST, Column, cell, fitting, kept, line, widths_of
from tests.cli.hostile import HOSTILE

COLUMNS = (
    Column("JOB", is_loose=True, keeps_end=True),
    Column("DUE", is_figure=True),
    Column("HOST", 2, is_loose=True),
    Column("LATER", 1, is_figure=True),
    Column("ERROR", is_loose=True),
)
ROW = ("0199f3a2-7777-7777-8888-0123456789ab", "12", "web-1.example.org", "7", "no space left on device")


def widths() -> dict[str, int]:
    found: dict[str, int] = {}
    widths_of(COLUMNS, [[cell(one) for one in ROW]], found)
    return found


def drawn(room: int) -> str:
    return line(COLUMNS, dict(zip((one.title for one in COLUMNS), map(cell, ROW), strict=True)), widths(), room).plain


def test_the_highest_rank_goes_first_and_rank_0_never() -> None:
    assert [one.title for one in kept(COLUMNS, widths(), 200)] == ["JOB", "DUE", "HOST", "LATER", "ERROR"]
    assert [one.title for one in kept(COLUMNS, widths(), 45)] == ["JOB", "DUE", "LATER", "ERROR"]
    assert [one.title for one in kept(COLUMNS, widths(), 10)] == ["JOB", "DUE", "ERROR"]


@pytest.mark.parametrize("room", [1, 10, 40, 60, 80, 200])
def test_a_row_is_as_wide_as_there_is_room(room: int) -> None:
    assert Text(drawn(room)).cell_len == room


def test_of_an_id_that_is_cut_the_end_stays_and_it_is_cut_first() -> None:
    assert drawn(60).startswith("…123456789ab ")
    assert "no space left on device" in drawn(80)
    assert ROW[0] in drawn(200)


def test_wide_characters_take_two_places() -> None:
    columns = (Column("A", is_loose=True), Column("B"))
    cells = {"A": cell("漢字" * 20), "B": cell("x")}
    found: dict[str, int] = {}
    widths_of(columns, [list(cells.values())], found)

    assert line(columns, cells, found, 30).cell_len == 30


def test_what_is_in_a_cell_is_one_line_of_what_prints() -> None:
    assert cell(HOSTILE).plain.isprintable()
    assert cell("[bold]x[/]").plain == "[bold]x[/]"


def test_what_is_too_long_for_a_cell_is_cut_with_a_sign() -> None:
    assert cell("x" * LONGEST).plain == "x" * LONGEST
    assert cell("x" * (LONGEST + 1)).plain.endswith("x…")


def test_no_column_becomes_narrower_while_one_looks_on() -> None:
    before = widths()
    widths_of(COLUMNS, [[cell("x")] * 5], before)

    assert before == widths()
    assert fitting(COLUMNS, before, 200)[COLUMNS[4]] == len(ROW[4])
