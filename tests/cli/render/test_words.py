"""How things are said: words, figures, columns and values, without a database."""

import re
from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.text import Text

from eventqueue.cli.attempts import attempts
from eventqueue.cli.render.columns import Cell, Table, fitted
from eventqueue.cli.render.fit import LOOSE_LEAST
from eventqueue.cli.render.tables import gone
from eventqueue.cli.render.tall import laid_out
from eventqueue.cli.values import SECONDS, WHEN, since_of, time_of, until_of
from eventqueue.errors import InvalidInput
from eventqueue.model.events import Event, Failed, FailReason, JobEvent
from eventqueue.model.figures import elapsed
from eventqueue.model.job import State
from eventqueue.model.lives import WorkerLost
from eventqueue.ports.views import Ending, Gone, Worker
from eventqueue.telling.describe import describe
from eventqueue.telling.words import STATES, age, apart, at_least, count, instant, shortened, size_of, span
from eventqueue.web.drawing.rendering import make_environment
from tests.builders import (
    AMENDED,
    BOOM,
    CANCELLED,
    COMPLETED,
    DEAD_LETTERED,
    NOW,
    RELEASED,
    RETRIED_AFTER_WAIT,
    RETRIED_BY_OPERATOR,
    RETRY_AMENDED,
    SOON,
    USED_UP_FAILURE,
    claimed,
    enqueued,
    failed,
    history,
)
from tests.cli.past import wrote

LOST = Failed(reason=FailReason.WORKER_LOST, error=BOOM, retry_at=SOON, buried_by="worker/other")


def test_the_states_are_those_of_a_job() -> None:
    assert set(STATES) == set(State)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((0, "0 ms"), (0.0004, "0.4 ms"), (0.012, "12 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (1.24, "1.2 s")),
        *((9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min"), (184, "3 min 4 s"), (7500, "2 h 5 min"), (7200, "2 h")),
        *((100_800, "1 d 4 h"), (86_400 * 365, "365 d")),
    ],
)
def test_a_duration_is_said_in_two_figures_or_so(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(-5, "0s"), (59, "59s"), (61, "1m"), (7300, "2h"), (180_000, "2d")])
def test_an_age_is_one_figure(seconds: int, said: str) -> None:
    assert age(timedelta(seconds=seconds)) == said


def test_a_time_is_iso_8601_in_utc() -> None:
    at = datetime.fromisoformat("2026-01-31T08:00:00.123456+01:00")

    assert instant(at) == "2026-01-31T07:00:00.123Z"
    assert instant(at, "seconds") == "2026-01-31T07:00:00Z"


def test_one_of_a_thing_is_no_plural() -> None:
    said = [count(1, "job"), count(1000, "job"), count(2, "retry", "retries"), count(1, "retry", "retries")]

    assert said == ["1 job", "1,000 jobs", "2 retries", "1 retry"]


def test_where_so_many_were_counted_there_may_be_more() -> None:
    assert [at_least(number, 1000, "job") for number in (1, 999, 1000)] == ["1 job", "999 jobs", "1,000 jobs or more"]


@given(st.text(), st.integers(1, 20))
def test_what_is_shortened_is_no_longer_than_it_may_be(text: str, most: int) -> None:
    assert len(shortened(text, most)) <= most
    assert shortened(text, most) == text or shortened(text, most).endswith("…")


words = st.text(st.sampled_from("ab日 "), max_size=30)


@given(st.lists(st.tuples(words, st.integers(-9999, 9999), words, words), min_size=1, max_size=5), st.integers(60, 120))
def test_a_table_fits_the_terminal_wherever_that_can_be(rows: list[tuple[str, int, str, str]], width: int) -> None:
    text = fitted(Table(["ID", "N", "COMMAND", "ERROR"], rows, loose=2), width)

    rigid = max(2, *(Text(row[0]).cell_len for row in rows)) + max(len(f"{row[1]:,}") for row in rows) + 6
    for line in text.split("\n"):
        assert line.cell_len <= max(width, rigid + 2 * LOOSE_LEAST)
    for row, shown in zip(rows, text.plain.split("\n")[1:], strict=True):
        assert shown.startswith(row[0].rstrip())
        assert not shown.endswith(" ")


def test_without_a_terminal_no_cell_is_cut() -> None:
    table = Table(["ID", "COMMAND", "ERROR"], [["a", "c" * 500, "e" * 500]], loose=2)

    assert fitted(table, None).plain.splitlines()[1] == f"a   {'c' * 500}  {'e' * 500}"


def test_a_table_in_parts_has_its_titles_once_and_gets_no_narrower() -> None:
    rows: list[list[Cell]] = [["a", 1, "one"], ["abcd", 22, "two"], ["b", 3, "x"]]
    parts = [Table(["ID", "N", "TEXT"], [row]) for row in rows]

    lines = [line for part in laid_out(parts, None) for line in part.plain.splitlines()]

    assert lines == ["ID  N  TEXT", "a   1  one", "abcd  22  two", "b      3  x"]


EVENTS: list[tuple[Event, str]] = [
    (enqueued(), "in queue default, 3 retries; true"),
    (enqueued(priority=5, max_retries=1, delay=60), "in queue default at priority 5, 1 retry; due at"),
    (claimed(), "attempt 1 on host (pid 1)"),
    (COMPLETED, "exit code 0; ran 1.5 s"),
    (replace(COMPLETED, duration=0.0), "exit code 0; ran less than 1 ms"),
    (failed(), "It ended with 1; retry in 1 min"),
    (USED_UP_FAILURE, "It ended with 1; no retry left"),
    (LOST, "It ended with 1; buried by worker/other; retry in 1 min"),
    (RETRIED_AFTER_WAIT, "its wait is over"),
    (RETRIED_BY_OPERATOR, "with a new budget of retries; the bug is mended"),
    (DEAD_LETTERED, "the retries are used up"),
    (RELEASED, "graceful stop; due at 2026-01-01T00:01:00Z"),
    (CANCELLED, "no longer needed"),
    (AMENDED, "priority from 0 to 5; the customer waits"),
    (RETRY_AMENDED, "priority from 0 to 5"),
]


@pytest.mark.parametrize(("event", "said"), EVENTS)
def test_every_event_is_described(event: Event, said: str) -> None:
    (recorded,) = history(event, now=NOW)

    assert describe(recorded).startswith(said)


def test_no_event_is_left_out_of_this_test() -> None:
    described = {type(event) for event, _ in EVENTS}

    assert described == set(JobEvent.__args__)


def test_the_last_line_of_the_output_is_told_unless_the_error_says_it() -> None:
    told = failed()
    for output, is_told in ((b"one\nlast words\n", True), (b"It ended with 1.\n", False), (b" \n", False)):
        (recorded,) = history(Failed(reason=told.reason, error=told.error, output=wrote(output)))
        assert ("“" in describe(recorded)) == is_told


def test_an_attempt_is_over_with_the_event_after_its_claim() -> None:
    again = (claimed(), failed(), RETRIED_AFTER_WAIT, claimed(attempt=2))

    found = attempts(history(enqueued(), claimed(), RELEASED, *again))

    assert [(one.number, one.claim, one.is_over) for one in found] == [(1, 2, True), (1, 4, True), (2, 7, False)]
    assert attempts(history(enqueued())) == []


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90", 90), ("1.5", 1.5), (".5s", 0.5), ("10m", 600), ("2h", 7200), ("3d", 259_200), ("250ms", 0.25), ("-1", -1)],
)
def test_a_duration_may_have_a_unit(typed: str, seconds: float) -> None:
    assert SECONDS.convert(typed, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("typed", ["", "soon", "1e3", "nan", "inf", "m", "١٠", "30m1h", "1h1h", "10m ", "--1"])
def test_no_duration_is_refused_by_what_was_typed(typed: str) -> None:
    with pytest.raises(click.BadParameter, match=re.escape(repr(typed))):
        SECONDS.convert(typed, None, None)


def test_a_time_without_a_zone_is_utc() -> None:
    assert WHEN.convert("2026-01-31", None, None) == datetime(2026, 1, 31, tzinfo=UTC)
    assert WHEN.convert("2026-01-31T08:00:00+01:00", None, None) == datetime(2026, 1, 31, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *(("03:12", "2026-01-31T03:12"), ("07:30:00", "2026-01-31T07:30"), ("07:30:01", "2026-01-30T07:30:01")),
        *(("23:59", "2026-01-30T23:59"), ("03:12Z", "2026-01-31T03:12"), ("08:12+01:00", "2026-01-31T07:12")),
        *(("00:30+05:30", "2026-01-30T19:00"), ("20:00-11:00", "2026-01-31T07:00")),
    ],
)
def test_a_time_of_the_day_is_its_last_one(typed: str, meant: str) -> None:
    now = datetime(2026, 1, 31, 7, 30, tzinfo=UTC)

    assert time_of(WHEN.convert(typed, None, None), now) == datetime.fromisoformat(f"{meant}+00:00")


@pytest.mark.parametrize("typed", ["someday", "3:12", "24:00", "03:60", "03:12:00:00", "03:12 ", "03:12 cet:"])
def test_what_is_no_time_is_refused_with_what_would_be_one(typed: str) -> None:
    with pytest.raises(click.BadParameter, match=f"{re.escape(repr(typed))} is no time: .*03:12"):
        WHEN.convert(typed, None, None)


def test_nothing_is_told_from_a_time_on_that_is_yet_to_come() -> None:
    assert since_of(NOW, NOW) == since_of(timedelta(0), NOW) == NOW
    assert since_of(None, NOW) is None
    assert until_of(None, NOW, NOW) is None
    for typed in (NOW + timedelta(minutes=1), timedelta(hours=-1), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(InvalidInput, match="lies in the future: there is nothing after"):
            since_of(typed, NOW)


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345, "12 kB"), (4_200_000_000, "4.2 GB"), (None, "unknown")],
)
def test_a_size_is_told_with_a_fitting_unit(size: int | None, told: str) -> None:
    assert size_of(size) == told


@pytest.mark.parametrize(
    ("since", "typed", "meant"),
    [
        (None, "15:52", "2026-11-27T15:52:00"),
        ("2026-11-28T15:50:00", "15:52", "2026-11-28T15:52:00"),  # which is yet to come
        ("2026-11-27T23:50:00", "00:10", "2026-11-28T00:10:00"),
        ("2026-11-28T15:00:00", "10m", "2026-11-28T15:41:00"),
    ],
)
def test_a_time_of_day_at_the_end_is_the_first_one_after_the_beginning(
    since: str | None, typed: str, meant: str
) -> None:
    now = datetime.fromisoformat("2026-11-28T15:51:00+00:00")
    begin = None if since is None else datetime.fromisoformat(f"{since}+00:00")

    assert until_of(WHEN.convert(typed, None, None), begin, now) == datetime.fromisoformat(f"{meant}+00:00")


@pytest.mark.parametrize(
    ("night", "since", "meant"),
    [
        ("2026-03-29T04:30:00", "2026-03-28T22:00:00", "2026-03-29T05:00:00"),  # it has 23 hours
        ("2026-10-25T04:30:00", "2026-10-24T21:00:00", "2026-10-25T06:00:00"),  # 25
    ],
)
def test_the_end_is_the_time_of_day_that_clocks_show_also_where_they_are_changed(
    night: str, since: str, meant: str
) -> None:
    now, begin, end = (datetime.fromisoformat(f"{one}+00:00") for one in (night, since, meant))

    assert until_of(WHEN.convert("07:00 Europe/Berlin", None, None), begin, now) == end


def test_nothing_lasts_less_than_no_time_where_one_clock_is_a_little_ahead_of_another() -> None:
    ahead = NOW + timedelta(milliseconds=3)
    crash = history(WorkerLost(seen_dead=True, renewed_at=ahead), stream="worker-w")[0]
    worker = Worker(id="w", name="1", host="h", pid=1, queues=(), concurrency=1, started_at=ahead, renewed_at=NOW)
    lived = gone([Gone(worker=worker, ending=Ending.SILENT)], NOW).rows[0][3]

    assert elapsed(ahead, NOW) == 0
    assert "silent for 0 ms" in describe(crash)
    assert str(lived) == make_environment().filters["lasts"](NOW - ahead) == "0 ms"


def test_an_end_before_the_beginning_is_refused() -> None:
    with pytest.raises(InvalidInput, match="until: lies before the beginning"):
        until_of(timedelta(hours=2), NOW - timedelta(hours=1), NOW)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "now"),
        (-0.4, "now"),
        (5, "5 s ago"),
        (-5, "in 5 s"),
        (7140, "1 h ago"),
        (-7140, "in 1 h 59 min"),
        (200_000, "2 d ago"),
        (60, "1 min ago"),
    ],
)
def test_a_time_is_told_from_now_in_whole_seconds_and_never_as_one_to_come_that_is_past(
    seconds: float, told: str
) -> None:
    assert apart(NOW - timedelta(seconds=seconds), NOW) == told
