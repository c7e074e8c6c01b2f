"""Tables on a terminal that is too narrow for them, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.tall import INDENT, laid_out

WHY = "the customer has called and wants none of it"
WHO = "cli/ann@web-1 as ops@admin"


def events(*rows: tuple[str, str, str], stream: str = "job-report") -> Table:
    cells: list[list[Cell]] = [[at, stream, what, who] for at, what, who in rows]
    return Table(["TIME", "STREAM", "WHAT", "BY"], cells, loose=2, dated=True)


def shown(width: int | None, *parts: Table) -> list[str]:
    return "\n".join(part.plain for part in laid_out(parts, width)).splitlines()


def test_texts_that_would_be_cut_to_nothing_stand_whole_below_their_row() -> None:
    assert shown(60, events(("2026-11-28T03:12:08Z", WHY, WHO))) == [
        "TIME                  STREAM",
        "    WHAT · BY",
        "2026-11-28T03:12:08Z  job-report",
        "    the customer has called and wants none of it ·",
        "    cli/ann@web-1 as ops@admin",
    ]


def test_where_there_is_room_a_row_is_a_line_and_so_it_is_without_a_terminal() -> None:
    table = events(("2026-11-28T03:12:08Z", WHY, WHO))

    assert len(shown(120, table)) == len(shown(None, table)) == 2
    assert shown(100, table)[1].startswith("2026-11-28T03:12:08Z  job-report  the customer has called ")


def test_a_day_is_told_once_where_its_rows_are_too_long_even_so() -> None:
    first = events(("2026-11-28T03:12:08Z", WHY, WHO), ("2026-11-28T03:12:09Z", "", ""), stream=f"job-{'i' * 50}")
    other = events(("2026-11-28T23:59:59Z", "", WHO), ("2026-11-29T00:00:00Z", "", WHO), stream="job-other")

    days = [line for line in shown(70, first, other) if not line.startswith(" ")]

    assert days == [
        "TIME       STREAM",
        "2026-11-28",
        f"03:12:08Z  job-{'i' * 50}",
        f"03:12:09Z  job-{'i' * 50}",
        "23:59:59Z  job-other",
        "2026-11-29",
        "00:00:00Z  job-other",
    ]


def test_what_may_not_be_cut_stands_below_as_soon_as_it_would_be() -> None:
    table = Table(["WORKER", "RUNNING"], [["1", ", ".join(f"job-{number}" for number in range(90))]], whole=True)

    lines = shown(80, table)

    assert lines[0] == "WORKER"
    assert "job-89" in lines[-1]
    assert not any("…" in line for line in lines)


def test_of_texts_below_a_row_that_are_whole_one_that_is_not_there_is_told_by_a_dash() -> None:
    rows: list[list[Cell]] = [["1", "", WHY], ["2", WHO, ""], ["3", "", ""]]
    table = Table(["WORKER", "FROM", "RUNNING"], rows, loose=2, whole=True)

    assert [line.strip() for line in shown(40, table)[2:]] == [
        "1",
        "– · the customer has called and",
        "wants none of it",
        "2",
        f"{WHO} · –",
        "3",
    ]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_of_a_very_long_text_two_lines_are_shown_and_who_it_was_all_the_same(width: int) -> None:
    lines = shown(width, events(("2026-11-28T03:12:08Z", "w " * 5000, "cli/ann@web-1")))

    assert len(lines) <= 8
    assert "…" in "".join(lines)
    assert "cli/ann@web-1" in lines[-1]


words = st.text(st.sampled_from("ab日 "), max_size=60)


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=5), st.integers(40, 90))
def test_what_stands_below_fits_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    cells: list[list[Cell]] = [["id", f"{one}{WHY}", two, three] for one, two, three in rows]
    for part in laid_out([Table(["ID", "COMMAND", "ERROR", "BY"], cells, loose=3)], width):
        for line in part.split("\n"):
            assert line.cell_len <= width
            assert line.plain.startswith((" " * INDENT, "I", "i"))
            assert not line.plain.endswith(" ")


def test_numbers_in_a_row_stay_to_the_right_and_colours_stay() -> None:
    rows: list[list[Cell]] = [["a", 1, Text(WHY, "red")], ["b", 1000, ""]]

    (part,) = laid_out([Table(["ID", "N", "TEXT"], rows)], 30)

    assert [line.rstrip() for line in part.plain.splitlines()][2:] == [
        "a       1",
        "    the customer has called",
        "    and wants none of it",
        "b   1,000",
    ]
    assert any("red" in str(span.style) for span in part.spans)
