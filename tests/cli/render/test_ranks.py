"""Tables with ranks: which columns go where there is no room for all, and that no line is wider than its terminal."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.jobs import COLUMNS, USUAL, WIDE, Row, jobs
from eventqueue.cli.render.schedules import table as schedules
from eventqueue.cli.render.tables import errors, queues, workers
from eventqueue.cli.render.tables import history as events_of
from eventqueue.cli.render.tall import laid_out
from eventqueue.cli.shape import ERRORS, HISTORY, JOBS, QUEUES, SCHEDULES, WORKERS
from eventqueue.model.ends import Ends, is_end
from eventqueue.model.events import Error
from eventqueue.model.job import State, fold
from eventqueue.model.waits import Kind, Wait
from tests.builders import NOW, enqueued, history

HOSTILE = "\x1b[2J\u202eevil\u202c\u0301\u0301" + "日本" * 300 + "\r\n\x9b"
ID = "01a2259b-79af-72a2-8e4a-772b71ffb7cc"


def row(place: int = 1, *, command: str = "send the letters that wait", error: str | None = None, **fields: Any) -> Row:
    job = fold(history(enqueued()))
    assert job is not None
    state = {"state": State.DEAD, "due_at": None, "last_error": Error(type="exit", message=error)} if error else {}
    job = replace(job, run=replace(job.run, command=command), **{**state, **fields})
    return Row(job, place, "71ffb7cc", NOW, Wait(kind=Kind.LATER, until=NOW + timedelta(hours=3)))


def shown(table: Table, width: int | None) -> list[str]:
    return "\n".join(part.plain for part in laid_out([table], width)).splitlines()


def widest(table: Table, width: int) -> int:
    return max(line.cell_len for part in laid_out([table], width) for line in part.split("\n"))


def titles(table: Table, width: int) -> set[str]:
    return {word for word in " ".join(shown(table, width)[:2]).split() if word == "@" or word.isupper()}


def test_what_a_list_can_show_is_what_its_option_names() -> None:
    assert set(JOBS) == set(COLUMNS) - {"place"}
    assert {*USUAL, *WIDE} <= set(JOBS)
    assert len(queues([], NOW, QUEUES).titles) == len(QUEUES)
    assert len(workers([], NOW, WORKERS).titles) == len(WORKERS)
    assert len(errors([], NOW, ERRORS).titles) == len(ERRORS)
    assert len(events_of([], NOW, {}, HISTORY).titles) == len(HISTORY)
    assert len(schedules([], NOW, SCHEDULES).titles) == len(SCHEDULES)


def test_a_command_is_shortened_before_its_queue_or_age_goes() -> None:
    table = jobs([row(error="exit code 75: connect to db refused", command="x" * 100)], is_numbered=True)

    assert {"WAITS", "QUEUE", "AGE", "COMMAND", "ERROR"} <= titles(table, 80)
    assert "exit: exit code 75:" in "\n".join(shown(table, 80))


def test_texts_stand_below_before_what_a_job_waits_for_goes_or_its_queue() -> None:
    table = jobs([row(error="exit code 75: connect to db refused", command="x" * 30)], is_numbered=True)

    assert {"WAITS", "QUEUE", "TRIES", "AGE"} <= titles(table, 60)
    assert ("x" * 30) in "\n".join(shown(table, 60))


def test_on_a_wide_terminal_all_columns_are_there_and_on_a_narrow_one_what_a_job_is_known_by() -> None:
    table = jobs([row(error="exit code 7: no such host")], is_numbered=True)

    assert {"@", "ID", "STATE", "WAITS", "QUEUE", "TRIES", "AGE", "COMMAND", "ERROR"} == titles(table, 200)
    assert "TRIES" not in titles(table, 80)
    for width in (50, 60, 80, 200):
        assert {"@", "ID", "STATE", "COMMAND", "ERROR"} <= titles(table, width)


def test_columns_go_by_their_ranks_the_highest_first() -> None:
    table = Table(["ID", "A", "B", "C"], [["id", "a" * 10, "b" * 10, "c" * 10]], loose=0, ranks=(0, 3, 1, 2))

    went = [line.split() for line in (shown(table, width)[0] for width in (40, 30, 20, 8))]

    assert went == [["ID", "A", "B", "C"], ["ID", "B", "C"], ["ID", "B"], ["ID"]]


def test_at_two_hundred_columns_what_follows_a_long_text_is_near_enough_to_follow_the_row() -> None:
    rows = [row(command="x" * 500, error="no"), row(2, command="true", error="no")]

    _, long, short = shown(jobs(rows), 200)

    assert "…" in long
    assert short.index("no") - short.index("true") < 70


def test_an_id_is_shortened_only_where_it_does_not_fit_and_with_a_sign() -> None:
    long = replace(row(), shown="i" * 100)

    assert any("i" * 100 in line for line in shown(jobs([long]), 200))
    narrow = shown(jobs([long]), 60)
    assert any("i…" in line for line in narrow)
    assert widest(jobs([long]), 60) <= 60


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("columns", [(), WIDE, JOBS], ids=["usual", "wide", "all"])
def test_hostile_text_in_every_field_breaks_no_column(width: int, columns: tuple[str, ...]) -> None:
    texts: dict[str, Any] = dict.fromkeys(("queue", "group", "key", "correlation", "worker"), HOSTILE)
    wild = row(command=HOSTILE, error=HOSTILE, tags=(HOSTILE,), meta={HOSTILE: HOSTILE}, **texts)
    wild = replace(wild, shown=HOSTILE)

    for table in (jobs([wild, row(2)], columns, is_numbered=True), jobs([row(), wild], columns)):
        text = "\n".join(shown(table, width))
        assert widest(table, width) <= width
        assert not {"\x1b", "\u202e", "\r", "\x9b"} & set(text)


words = st.text(st.sampled_from("ab日\u0301\u202e\n "), max_size=60)


@given(st.lists(st.tuples(words, words, words, words), min_size=1, max_size=5), st.integers(40, 120))
def test_a_table_with_ranks_fits_whatever_is_in_it(rows: list[tuple[str, ...]], width: int) -> None:
    cells: list[list[Cell]] = [list(one) for one in rows]
    table = Table(["ID", "QUEUE", "COMMAND", "ERROR"], cells, loose=2, ranks=(0, 1, 0, 0))

    assert widest(table, width) <= width


def test_ids_are_shown_by_their_random_end_as_long_as_it_takes() -> None:
    ends = Ends()
    ends.learn([ID, "report", ID.replace("79af", "80af")])

    assert ends.shown("report") == "report"
    assert len({ends.shown(ID), ends.shown(ID.replace("79af", "80af"))}) == 2
    assert ID.endswith(ends.shown(ID))

    few = Ends()
    few.learn([ID])
    assert few.shown(ID) == "71ffb7cc"


class Cut(str):
    """An id that counts how often an end of it is taken."""

    taken = 0

    def __getitem__(self, place: Any) -> str:
        Cut.taken += 1
        return super().__getitem__(place)


def test_however_many_parts_a_list_has_the_end_of_an_id_is_not_taken_again_for_each() -> None:
    ends = Ends()
    for number in range(0, 1000, 10):
        ends.learn(Cut(UUID(int=one * 7919 << 24)) for one in range(number, number + 10))

    assert ends.shown(str(UUID(int=7919 << 24))) == "eef000000"
    assert Cut.taken <= 3 * 1000


def test_only_what_is_as_long_as_an_end_is_may_be_one() -> None:
    assert is_end("71ffb7cc")
    assert not any(map(is_end, ("71ffb7c", "report", "71FFB7CC", "71ffb7cx", "")))
