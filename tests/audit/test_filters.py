"""Filters as texts: what they ask for, and what is said of one that is none."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.filters import FIELDS, is_condition, joined, parse, text_of
from eventqueue.errors import InvalidInput
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from eventqueue.system.zones import zone
from tests.builders import NOW

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("", {}),
        ("state:dead", {"state": State.DEAD}),
        ("  state=dead\tqueue:mail\n", {"state": State.DEAD, "queue": "mail"}),
        ("tag:red tag:blue", {"tags": ("red", "blue")}),
        ('error~"503 gone"', {"error": "503 gone"}),
        ("error~503 command~make task:app.send", {"error": "503", "command": "make", "task": "app.send"}),
        (r'error~"say \"no\" to C:\\x"', {"error": r'say "no" to C:\x'}),
        (r"command~C:\x", {"command": r"C:\x"}),
        ("command~a=b:c~d", {"command": "a=b:c~d"}),
        ("meta.customer=acme meta.n:7", {"meta": {"customer": "acme", "n": "7"}}),
        ('meta."the name"="" meta.a.b=c', {"meta": {"the name": "", "a.b": "c"}}),
        ("priority>5", {"priority_min": 6}),
        ("priority>=5 priority<9", {"priority_min": 5, "priority_max": 8}),
        ("priority:-5", {"priority_min": -5, "priority_max": -5}),
        ("ended>-2h ended<-30m", {"ended_since": NOW - 2 * HOUR, "ended_until": NOW - HOUR / 2}),
        ("due<+1h", {"due_before": NOW + HOUR}),
        ("due>+1h", {"due_after": NOW + HOUR}),
        ("state:scheduled", {"state": State.PENDING, "due_after": NOW}),
        ("state:due", {"state": State.PENDING, "due_before": NOW}),
        ("state:scheduled due>+1h", {"state": State.PENDING, "due_after": NOW + HOUR}),
        ("due>-1h state:scheduled", {"state": State.PENDING, "due_after": NOW}),
        ("state:due due<-1h", {"state": State.PENDING, "due_before": NOW - HOUR}),
        ("created>-2h created>-1h", {"created_since": NOW - HOUR}),
        ("priority>3 priority:5 priority<9", {"priority_min": 5, "priority_max": 5}),
        ("created>2026-01-31", {"created_since": datetime(2026, 1, 31, tzinfo=UTC)}),
        ("created<2026-01-31T03:12+01:00", {"created_until": datetime(2026, 1, 31, 2, 12, tzinfo=UTC)}),
        ("created>-1h30m ended<now", {"created_since": NOW - 1.5 * HOUR, "ended_until": NOW}),
        ("created>00:00", {"created_since": NOW.replace(hour=0, minute=0)}),
        ("due<23:59", {"due_before": NOW.replace(hour=23, minute=59)}),
        (
            'ended>"yesterday 18:00" ended<today',
            {"ended_since": (NOW - 24 * HOUR).replace(hour=18), "ended_until": NOW.replace(hour=0)},
        ),
        ('created>"2026-01-31T03:12 Europe/Berlin"', {"created_since": datetime(2026, 1, 31, 2, 12, tzinfo=UTC)}),
        ("since:2h until:90", {"since": NOW - 2 * HOUR, "until": NOW - HOUR / 40}),
        ("since:-1d until:-1.5h", {"since": NOW - 24 * HOUR, "until": NOW - 1.5 * HOUR}),
        ("state:dead state:dead", {"state": State.DEAD}),
        (
            "state:dead queue:a state:failed queue:b queue:a",
            {"state_in": (State.DEAD, State.FAILED), "queue_in": ("a", "b")},
        ),
        ("restart-of:one", {"restart_of": "one"}),
        (
            "key:k group:g worker:web-1 fingerprint:8aec858657",
            {"key": "k", "group": "g", "worker": "web-1", "fingerprint": "8aec858657"},
        ),
    ],
)
def test_a_text_asks_for_what_it_says(text: str, asked: dict[str, Any]) -> None:
    found = parse(text, NOW, zone)

    assert found == asked
    Filter(**found)


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("dead", 1, "'dead' is no condition: give FIELD:VALUE"),
        ("state:dead  mail", 13, "'mail' is no condition"),
        ("created>2026-01-31T03:12 Europe/Berlin", 26, '.*such as created>"2026-01-31T03:12 Europe/Berlin"'),
        ("error~no space", 10, '.*such as error~"no space"'),
        ("stat:dead", 1, r"'stat' is no field \(is state meant\?\); the fields are state, .*meta.NAME"),
        ("meta=7", 1, "'meta' is no field"),
        ("queue.x:mail", 1, "'queue.x' is no field"),
        ("state:deed", 1, r"'deed' is no state \(is dead meant\?\)"),
        (
            "state:dead,failed",
            1,
            "'dead,failed' is no state: .* such as state:dead state:failed",
        ),
        ("tag:x queue:a,b,", 7, "'a,b,' is no queue: .* such as queue:a queue:b"),
        ("queue:a error:503", 9, "error stands with `~` before its value, not with `:`"),
        ("priority~5", 1, "priority stands with `:` or `>` or `>=` or `<` or `<=` before its value, not with `~`"),
        ("created:2026-01-31", 1, "created stands with `<` or `>`"),
        ("due:-1h", 1, "due stands with `<` or `>`"),
        ("meta.a~b", 1, "meta stands with `:`"),
        ("state:", 7, 'a value must stand behind state:, or "" for none'),
        ("state: dead", 7, "a value must stand behind state:"),
        ('error~"a b', 7, "the quotation mark is never closed"),
        ('error~"a"b', 7, "a blank must stand behind a value in quotation marks"),
        ("priority>many", 1, "'many' is no priority: give a whole number"),
        ('created>"03:12 Europe/Nowhere"', 1, "'Europe/Nowhere' is no time zone known here"),
        ("created>2h", 1, r"'2h' is no time: give one such as -2h \(ago\)"),
        ("created>-99999999w", 1, "'-99999999w' is no time"),
        ("fingerprint:x", 1, "'x' is no fingerprint"),
        ("state:scheduled state:dead", 17, "state is asked for twice, with a time that a job is due: ask for each"),
        ("state:dead state:due", 12, "state is asked for twice, with a time that a job is due"),
        ("state:scheduled state:due", 17, "state is asked for twice, with a time that a job is due"),
        ("state:pending state:scheduled", 15, "state is asked for twice, with a time that a job is due"),
        ("state:due queue:a state:pending", 19, "state is asked for twice, with a time that a job is due"),
        ("key:a key:b", 7, "key is asked for twice"),
        ("meta.a=1 meta.a=2", 10, "meta.a is asked for twice"),
        ("tag:a " * 101, 601, "there are more than 100 conditions"),
    ],
)
def test_what_is_no_filter_is_told_with_its_place_and_what_was_expected(text: str, at: int, said: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^filter: at character {at}: {said}"):
        parse(text, NOW, zone)


@pytest.mark.parametrize("text", ["state:dead", " state:dead", "staet=dead", "error~x", "meta.a:b", "meta.a=b", "x<y"])
def test_what_can_be_no_id_is_a_condition_whatever_its_field(text: str) -> None:
    assert is_condition(text)


@pytest.mark.parametrize("text", ["staet:dead", "backup:2026-01-31", "one", "restart.of:one", ":x", "", "7=x"])
def test_what_may_be_an_id_is_a_condition_of_a_field_that_there_is_alone(text: str) -> None:
    assert not is_condition(text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis' own
WHOLE = st.integers(-(10**8), 10**8)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(State),
    "state_in": st.lists(st.sampled_from(State), min_size=2, max_size=6, unique=True).map(tuple),
    "queue_in": st.lists(TEXTS, min_size=2, max_size=4, unique=True).map(tuple),
    "tags": st.lists(TEXTS, max_size=3).map(tuple),
    "meta": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "fingerprint": st.text("0123456789abcdef", min_size=10, max_size=10),
    **dict.fromkeys(("since", "until", "created_since", "created_until", "ended_since", "ended_until"), TIMES),
    "due_before": TIMES,
    "due_after": TIMES,
    **dict.fromkeys(("priority_min", "priority_max"), WHOLE),
    **dict.fromkeys(("queue", "task", "command", "error", "key", "group", "restart_of", "worker"), TEXTS),
}


# What cannot be asked for together with one of several.
BESIDE = {"state_in": {"state", "due_before", "due_after"}, "queue_in": {"queue"}}


@given(st.fixed_dictionaries({}, optional=KINDS))
def test_a_filter_is_printed_as_the_text_that_asks_for_it(asked: dict[str, Any]) -> None:
    left_out = {name for several, names in BESIDE.items() if several in asked for name in names}
    wanted = Filter(**{name: value for name, value in asked.items() if name not in left_out})

    assert Filter(**parse(text_of(wanted), NOW, zone)) == wanted


@given(st.text() | st.lists(st.sampled_from([*FIELDS, "meta.", *':=~<>" \\.-+', "dead", "2h", "é"])).map("".join))
def test_any_text_is_a_filter_or_refused_in_words(text: str) -> None:
    with suppress(InvalidInput):
        Filter(**parse(text, NOW, zone))


def test_all_fields_but_where_a_list_begins_and_ends_can_be_asked_for() -> None:
    assert set(Filter.__struct_fields__) - KINDS.keys() == {"tag", "after", "limit", "scan"}
    assert text_of(Filter(tag="red", limit=7, after="x", scan=True)) == "tag:red"


def test_what_is_asked_for_in_two_ways_is_joined_or_refused() -> None:
    assert joined({"tags": ("a",), "meta": {"x": "1"}}, {"tags": ("b",), "meta": {"y": "2"}, "queue": "q"}) == {
        "tags": ("a", "b"),
        "meta": {"x": "1", "y": "2"},
        "queue": "q",
    }
    with pytest.raises(InvalidInput, match="queue: is asked for twice"):
        joined({"queue": "a"}, {"queue": "b"})
    with pytest.raises(InvalidInput, match="queue: is asked for twice"):
        joined({"queue_in": ("a", "b")}, {"queue": "b"})
    assert joined({"queue": "a"}, {"queue_in": ("b", "c")}, is_any=True) == {"queue_in": ("a", "b", "c")}
