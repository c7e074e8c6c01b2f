"""What may be asked for, field by field, and what a request becomes."""

from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, get_type_hints
from uuid import UUID, uuid5

import pytest
from hypothesis import example, given, reject
from msgspec.structs import replace

from eventqueue.errors import InvalidInput
from eventqueue.model.asked import BackoffFields, JobFields
from eventqueue.model.codec import decode
from eventqueue.model.events import Call, Enqueued, Shell
from eventqueue.model.fields import AskedBackoff, Fields
from eventqueue.model.retry import LONGEST_S, Backoff
from eventqueue.model.spec import Defaults, request
from tests.builders import NOW, json_objects, sealed

INJECTION = {"$gt": ""}

# Every field with all that it does not take, beside what it does take.
GOOD: dict[str, list[Any]] = {
    "command": ["true", " ", "echo 'ö' | cat\nls", "x" * 100_000],
    "task": ["send", "app.tasks.send", "x" * 128],
    "args": [[1, 1.5, "ö\x00", None, {"a": [True]}]],
    "kwargs": [{"to": "ann", "n": 3}],
    "id": ["a", "A-z_0.9:", ".", "x" * 128],
    "queue": ["a", "mail.high", "x" * 128],
    "priority": [0, -5, 2**31 - 1, -(2**31)],
    "run_at": [NOW, "2030-01-31T08:00:00Z", "2030-01-31T08:00:00+01:00", "1970-01-01T00:00:00Z"],
    "delay": [0, 1, 0.5, LONGEST_S, timedelta(0), timedelta(days=1)],
    "expires_at": [NOW, "2030-01-31T08:00:00.123456Z"],
    "expires": [0.001, 60, LONGEST_S, timedelta(hours=1)],
    "max_retries": [0, 5, 2**31 - 1],
    "backoff": [{}, {"base": 1}, {"base": 0, "cap": LONGEST_S, "jitter": 1}, Backoff(), {"cap": timedelta(hours=1)}],
    "timeout": [0.001, 60, LONGEST_S, timedelta(minutes=1)],
    "key": ["order 42", "ö", "x" * 1024],
    "tags": [[], ["a"], ["a", "b c"], ["x" * 128] * 64],
    "group": ["a", "a b"],
    "env": [{}, {"PATH": ""}, {"ö": "ö"}, MappingProxyType({"A": "1"})],
    "cwd": ["/", "relative/path"],
    "meta": [{}, {"a.b": {"$set": [1, None, "\x00"]}}, {"at": [NOW, UUID(int=1)]}, MappingProxyType({"a": 1})],
    "correlation": ["a", "x" * 128],
}
_NOT_TEXT: list[Any] = [1, 1.5, True, ["a"], INJECTION, b"a", NOW]
_NOT_NAME: list[Any] = [
    *_NOT_TEXT,
    "",
    " ",
    "a b",
    "a/b",
    "ö",
    "a\n",
    "\na",
    "a\x00",
    "x" * 129,
    "\ud800",
    "-",
    "--all",
]
_NOT_LABEL: list[Any] = [*_NOT_TEXT, "", "a\x00", "x" * 129, "\ud800"]
_NOT_NUMBER: list[Any] = ["1", True, [1], INJECTION, float("nan"), float("inf"), 2**63]
_NOT_SECONDS: list[Any] = [*_NOT_NUMBER, -1, -0.001, LONGEST_S + 1, timedelta(-1), timedelta.max]
_NOT_WHEN: list[Any] = [
    *("", "tomorrow", "2030-01-31", "2030-01-31T08:00:00", "2030-02-30T00:00:00Z", 1_700_000_000, True, [NOW]),
    *(INJECTION, datetime(2030, 1, 1), "1969-12-31T23:59:59Z", "9001-01-01T00:00:00Z"),  # noqa: DTZ001 - no zone
]
BAD: dict[str, list[Any]] = {
    "command": [*_NOT_TEXT, "", "a\x00", "\ud800"],
    "task": _NOT_NAME,
    "args": ["a", 1, True, {"a": 1}, [b""], [NOW], [{1}], [float("nan")], [2**63], ["\ud800"], [{1: 2}]],
    "kwargs": ["a", 1, True, ["a"], {1: 2}, {"a\x00": 1}, {"a": float("nan")}, {"a": [2**63]}, {"a": b""}, {"a": NOW}],
    "id": _NOT_NAME,
    "queue": _NOT_NAME,
    "priority": [*_NOT_NUMBER, 1.0, 0.5, 2**31, -(2**31) - 1],
    "run_at": _NOT_WHEN,
    "delay": _NOT_SECONDS,
    "expires_at": _NOT_WHEN,
    "expires": [*_NOT_SECONDS, 0],
    "max_retries": [*_NOT_NUMBER, 1.0, -1, 2**31],
    "backoff": [
        *(1, "fast", [2, 60], INJECTION, {"factor": 2}),
        *({part: bad} for part in ("base", "cap") for bad in _NOT_SECONDS),
        *({"jitter": bad} for bad in [*_NOT_NUMBER, -0.1, 1.1]),
    ],
    "timeout": [*_NOT_SECONDS, 0],
    "key": [*_NOT_TEXT, "", "a\x00", "x" * 1025, "\ud800"],
    "tags": ["a", {"a": 1}, [1], [None], [""], ["a\x00"], ["x" * 129], ["a"] * 65, ["\ud800"], [INJECTION]],
    "group": _NOT_LABEL,
    "env": [
        *("PATH=/bin", ["PATH"], {"A": 1}, {"A": None}, {"A": True}, {1: "a"}, {"A": INJECTION}),
        *({"": "a"}, {"A=B": "a"}, {"A\x00": "a"}, {"A": "a\x00"}, {"A": "\ud800"}, {"\ud800": "a"}),
    ],
    "cwd": [*_NOT_TEXT, "", "a\x00", "\ud800"],
    "meta": [
        *("a", 1, True, ["a"], {1: 2}, {"a\x00": 1}, {"a": float("nan")}, {"a": float("-inf")}, {"a": [2**63]}),
        *(
            {"a": -(2**63) - 1},
            {"a": "\ud800"},
            {"\ud800": 1},
            {"a": b""},
            {"a": timedelta(1)},
            {"a": {None: 1}},
            {"a": {1}},
        ),
        *({"a": datetime(2030, 1, 1)}, {"a": NOW.date()}, {"a": [datetime(2030, 1, 1)]}, {UUID(int=1): 1}),  # noqa: DTZ001
    ],
    "correlation": _NOT_LABEL,
}
ORDINARY = {"command": "true"}


OF_A_TASK = {"task": "app.tasks.send"}


def asked(**fields: Any) -> dict[str, Any]:
    is_of_a_task = fields.keys() & {"task", "args", "kwargs"} and "command" not in fields
    return {**(OF_A_TASK if is_of_a_task else ORDINARY), **fields}


def pairs(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(field, value, id=f"{field}={value!r:.40}".encode("ascii", "backslashreplace").decode())
        for field, values in table.items()
        for value in values
    ]


def test_the_tables_here_know_every_field() -> None:
    assert set(GOOD) == set(BAD) == set(Fields.__struct_fields__)


@pytest.mark.parametrize(("field", "value"), pairs(GOOD))
def test_a_field_takes_what_fits_it(field: str, value: Any) -> None:
    assert field in request(asked(**{field: value}), Defaults()).asked


@pytest.mark.parametrize(("field", "value"), pairs(BAD))
def test_a_field_refuses_all_else_and_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        request(asked(**{field: value}), Defaults())

    assert refused.value.field.replace("[", ".").split(".")[0] == field
    assert str(refused.value).startswith(field)
    str(refused.value).encode()  # it can be printed


@pytest.mark.parametrize("field", ["comand", "state", "attempts", "_id", "$where", "", "a b", "a`b", "ö", "Command"])
def test_a_field_that_no_job_has_is_refused_and_named(field: str) -> None:
    with pytest.raises(InvalidInput, match="is no field of a job") as refused:
        request(asked(**{field: 1}), Defaults())

    assert refused.value.field == field


@pytest.mark.parametrize("field", [1, None, ("a",), b"a"])
def test_a_field_whose_name_is_no_text_is_refused_and_named(field: Any) -> None:
    with pytest.raises(InvalidInput, match="is no field of a job") as refused:
        request({**ORDINARY, field: 1}, Defaults())

    assert refused.value.field == str(field)


def test_an_unknown_part_of_the_backoff_is_named_with_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        request(asked(backoff={"factor": 2}), Defaults())

    assert refused.value.field == "backoff.factor"


@pytest.mark.parametrize("given", [{}, {"command": None}, {"queue": "mail"}])
def test_a_command_or_a_task_is_required(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="required") as refused:
        request(given, Defaults())

    assert refused.value.field == "command"


def test_a_field_that_is_none_counts_as_not_given() -> None:
    nothing = dict.fromkeys(Fields.__struct_fields__)

    assert request({**nothing, **ORDINARY}, Defaults()) == request(ORDINARY, Defaults())


def test_meta_nested_too_deep_is_refused_without_a_crash() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(InvalidInput, match="nested deeper") as refused:
        request(asked(meta=deep), Defaults())

    assert refused.value.field.startswith("meta")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"task": "send", "command": "true"}, "task"),
        ({"args": [1], "command": "true"}, "args"),
        ({"kwargs": {"n": 1}, "task": None, "command": "true"}, "kwargs"),
        ({"env": {}, "task": "send"}, "env"),
        ({"cwd": "/", "task": "send"}, "cwd"),
        ({"id": "a", "key": "b"}, "key"),
        ({"run_at": NOW, "delay": 5}, "delay"),
        ({"run_at": NOW, "delay": 0}, "delay"),
        ({"expires": 5, "expires_at": NOW}, "expires"),
        ({"run_at": NOW, "expires_at": NOW}, "expires_at"),
        ({"run_at": NOW, "expires_at": NOW - timedelta(seconds=1)}, "expires_at"),
    ],
    ids=str,
)
def test_two_fields_that_contradict_each_other_are_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request(asked(**fields), Defaults())

    assert refused.value.field == named


# What a request becomes.


def test_what_was_not_asked_for_is_resolved_from_the_defaults_of_the_moment() -> None:
    defaults = Defaults(
        queue="mail", priority=7, max_retries=1, backoff=Backoff(base=5.0, cap=9.0), timeout=30.0, cwd="/srv"
    )

    event = request(ORDINARY, defaults).enqueued(NOW)

    assert (event.queue, event.priority, event.max_retries, event.timeout) == ("mail", 7, 1, 30.0)
    assert event.backoff == Backoff(base=5.0, cap=9.0)
    assert event.run == Shell(command="true", cwd="/srv")
    assert event.run_at == NOW


def test_a_task_becomes_a_call_with_what_its_defaults_say() -> None:
    defaults = Defaults(queue="mail", expires=60.0, tags=("a",), cwd="/srv")

    event = request({"task": "send", "args": [1], "kwargs": {"to": "ann"}, "delay": 5}, defaults).enqueued(NOW)

    assert event.run == Call(task="send", args=[1], kwargs={"to": "ann"})
    assert (event.queue, event.tags) == ("mail", ("a",))
    assert event.expires_at == NOW + timedelta(seconds=65)
    assert request({"task": "send", "tags": []}, defaults).enqueued(NOW).tags == ()


def test_no_arguments_are_the_same_as_none_that_are_given() -> None:
    first = request(OF_A_TASK, Defaults()).enqueued(NOW)

    assert request({**OF_A_TASK, "args": [], "kwargs": {}}, Defaults()).differs_from(first) is None


def test_a_call_is_told_in_a_line_however_large_its_arguments() -> None:
    call = Call(task="send", args=[1, "ann"], kwargs={"body": "x" * 10_000})

    assert call.text.startswith('send(1, "ann", body="xxx')
    assert Call(task="send", args=[*range(10_000)]).text.endswith("…)")
    assert len(Call(task="send", args=["x" * 70] * 10_000).text) < 500


def test_what_was_asked_for_goes_before_the_defaults_even_where_it_is_nothing() -> None:
    defaults = Defaults(priority=7, max_retries=1, backoff=Backoff(base=5.0, cap=9.0))

    event = request(asked(priority=0, max_retries=0, backoff={"base": 0, "jitter": 0}), defaults).enqueued(NOW)

    assert (event.priority, event.max_retries) == (0, 0)
    assert event.backoff == Backoff(base=0.0, cap=9.0, jitter=0.0)


def test_a_delay_counts_from_the_databases_clock() -> None:
    assert request(asked(delay=1.5), Defaults()).enqueued(NOW).run_at == NOW + timedelta(seconds=1.5)


@pytest.mark.parametrize("due", [{}, {"run_at": NOW + timedelta(hours=1)}, {"delay": 3600}])
def test_a_job_expires_so_long_after_its_own_time(due: dict[str, Any]) -> None:
    event = request(asked(**due, expires=timedelta(minutes=1)), Defaults()).enqueued(NOW)

    assert event.expires_at == event.run_at + timedelta(minutes=1)


def test_the_typed_keywords_are_the_fields() -> None:
    assert get_type_hints(JobFields).keys() == set(Fields.__struct_fields__)
    assert get_type_hints(BackoffFields).keys() == set(AskedBackoff.__struct_fields__) == set(Backoff.__struct_fields__)


def test_a_time_in_any_zone_is_the_same_instant() -> None:
    event = request(asked(run_at="2026-01-01T05:30:00+05:30"), Defaults()).enqueued(NOW)

    assert event.run_at == NOW


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00Z", "20260101T000000Z", "2026-01-01T01:00:00,000000001+01:00", "2026-01-01 00:00:00+00"]
)
def test_a_time_may_have_any_form_of_iso_8601(text: str) -> None:
    assert request(asked(run_at=text), Defaults()).enqueued(NOW).run_at == NOW


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T08:00", "2026-01-01T08:00:00"])
def test_a_time_without_a_zone_is_told_what_it_needs(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^run_at: needs a time zone, such as"):
        request(asked(run_at=text), Defaults())


@pytest.mark.parametrize("field", ["run_at", "expires_at"])
def test_times_are_kept_in_whole_milliseconds_as_the_log_stores_them(field: str) -> None:
    event = request(asked(**{field: "2026-01-01T00:00:00.123999Z"}), Defaults()).enqueued(NOW)

    assert getattr(event, field) == NOW + timedelta(milliseconds=123)


def test_the_event_keeps_what_was_asked_beside_what_it_resolves_to() -> None:
    fields = {"command": "true", "delay": 5, "backoff": {"base": 3}, "tags": ["a"], "meta": {"n": 1}}

    event = request(fields, Defaults(queue="mail")).enqueued(NOW)

    assert event.asked == fields
    assert event.tags == ("a",)


# Which job it is.


def test_an_id_that_is_asked_for_is_the_jobs_id() -> None:
    assert request(asked(id="mine"), Defaults()).job_id("fresh") == "mine"


def test_a_job_without_id_or_key_gets_a_fresh_id() -> None:
    assert request(ORDINARY, Defaults()).job_id("fresh") == "fresh"


def test_a_queue_and_key_make_one_id_for_ever() -> None:
    def job_id(**fields: Any) -> str:
        return request(asked(**fields), Defaults()).job_id("fresh")

    recipe = uuid5(UUID("c1ad4a2e-2f0b-5f37-9c1d-6d1f4be5a1a7"), "default\0order 42")

    assert job_id(key="order 42") == str(recipe) == "ca3c0a5f-a5fd-5035-96c9-313361363115"
    assert job_id(key="order 42", command="other") == job_id(key="order 42", queue="default")


def test_another_queue_or_another_key_is_another_job() -> None:
    ids = {
        request(asked(queue=queue, key=key), Defaults()).job_id("fresh")
        for queue, key in [("a", "b"), ("a", "c"), ("b", "b"), ("a.b", "c"), ("a", "b.c")]
    }

    assert len(ids) == 5


def test_a_key_belongs_to_the_queue_that_the_job_goes_to_by_default_too() -> None:
    by_default = request(asked(key="order 42"), Defaults(queue="mail"))

    assert by_default.job_id("fresh") == request(asked(key="order 42", queue="mail"), Defaults()).job_id("fresh")


# Whether it is the same request.


def test_the_same_call_is_the_same_request_later_elsewhere_and_after_defaults_changed() -> None:
    call = {"command": "true", "delay": 60, "key": "order 42", "meta": {"b": 1, "a": [1.5, None]}}
    first = request(call, Defaults(cwd="/home/ada")).enqueued(NOW)

    again = request(
        {**call, "meta": {"a": [1.5, None], "b": 1}},
        Defaults(queue="mail", priority=9, max_retries=0, backoff=Backoff(base=9.0), timeout=1.0, cwd="/tmp"),
    )

    assert again.differs_from(first) is None
    assert again.enqueued(NOW + timedelta(days=9)).run_at != first.run_at


def test_a_correlation_does_not_make_another_request() -> None:
    first = request(asked(correlation="trace 1"), Defaults()).enqueued(NOW)

    assert request(asked(correlation="trace 2"), Defaults()).differs_from(first) is None
    assert request(ORDINARY, Defaults()).differs_from(first) is None


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("command", "true", "false"),
        ("task", "send", "receive"),
        ("args", [1], [True]),
        ("kwargs", {"n": 1}, {"n": 2}),
        ("queue", "a", "b"),
        ("priority", 1, 2),
        ("run_at", NOW, NOW + timedelta(seconds=1)),
        ("delay", 1, 2),
        ("expires_at", NOW, NOW + timedelta(seconds=1)),
        ("expires", 1, 2),
        ("max_retries", 1, 2),
        ("backoff", {"base": 1}, {"cap": 1}),
        ("timeout", 1, 2),
        ("key", "a", "b"),
        ("tags", ["a", "b"], ["b", "a"]),
        ("group", "a", "b"),
        ("env", {"A": "1"}, {"A": "2"}),
        ("cwd", "/a", "/b"),
        ("meta", {"a": 1}, {"a": 2}),
        ("meta", {"a": 1}, {"a": True}),
        ("meta", {"a": 1}, {"a": 1.0}),
        ("meta", {"a": None}, {}),
    ],
)
def test_a_field_that_is_asked_for_otherwise_makes_another_request_and_is_named(
    field: str, one: Any, other: Any
) -> None:
    first = request(asked(**{field: one}), Defaults()).enqueued(NOW)

    assert request(asked(**{field: other}), Defaults()).differs_from(first) == field
    assert request(asked(**{field: one}), Defaults()).differs_from(first) is None


def test_asking_for_the_default_by_name_is_another_request_than_not_asking() -> None:
    first = request(ORDINARY, Defaults()).enqueued(NOW)

    assert request(asked(priority=0), Defaults()).differs_from(first) == "priority"
    assert request(ORDINARY, Defaults()).differs_from(replace(first, asked=asked(priority=0))) == "priority"


@pytest.mark.parametrize(
    ("field", "one", "same"),
    [
        ("run_at", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
        ("run_at", NOW, "2026-01-01T00:00:00Z"),
        ("timeout", 5, 5.0),
        ("delay", 5, 5.0),
        ("delay", 90, timedelta(minutes=1, seconds=30)),
        ("timeout", 0.5, timedelta(milliseconds=500)),
        ("expires", 3600, timedelta(hours=1)),
        ("backoff", {"cap": 60}, {"cap": timedelta(minutes=1)}),
        ("backoff", {"base": 3, "cap": 60, "jitter": 0}, Backoff(base=3.0, cap=60.0, jitter=0.0)),
        ("meta", {"id": str(UUID(int=1))}, {"id": UUID(int=1)}),
        ("meta", {"at": ["2026-01-01T00:00:00+00:00"]}, {"at": (NOW,)}),
        ("backoff", {"base": 2}, {"base": 2.0, "cap": None}),
        ("tags", ["a"], ("a",)),
    ],
)
def test_two_ways_to_write_one_value_are_the_same_request(field: str, one: Any, same: Any) -> None:
    first = request(asked(**{field: one}), Defaults()).enqueued(NOW)

    assert request(asked(**{field: same}), Defaults()).differs_from(first) is None


@given(json_objects)
@example({"larger than 32 bits": 2**40})
def test_a_request_is_the_same_as_the_one_that_the_log_gives_back_whatever_its_meta(meta: dict[str, Any]) -> None:
    try:
        again = request(asked(meta=meta), Defaults())
    except InvalidInput:
        reject()  # a database reference
    (one,) = sealed(again.enqueued(NOW))

    first = decode(one.raw).event

    assert isinstance(first, Enqueued)
    assert again.differs_from(first) is None
