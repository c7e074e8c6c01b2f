"""The facts and their envelope."""

import typing
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import eventqueue.connect  # noqa: F401 - which imports whatever registers events
from eventqueue.model import acts, events, lives, upkeep
from eventqueue.model.codec import seal, to_data
from eventqueue.model.events import (
    CALL_MAX,
    CATEGORIES,
    EMPTY,
    EVENT_TYPES,
    Call,
    Captured,
    ConfigEvent,
    Event,
    Head,
    JobEvent,
    LateResult,
    Output,
    Paused,
    QueueEvent,
    category_of,
    name_in,
    stream_of,
    type_of,
)
from eventqueue.schedules.events import ScheduleEvent
from tests.builders import (
    AMENDED,
    CANCELLED,
    COMPLETED,
    DEAD_LETTERED,
    NOW,
    RELEASED,
    RETRIED_BY_OPERATOR,
    RETRY_AMENDED,
    claimed,
    enqueued,
    failed,
    history,
    said,
)

ONE_OF_EACH = [
    *(enqueued(), claimed(), COMPLETED, failed(), RETRIED_BY_OPERATOR, DEAD_LETTERED, RELEASED, CANCELLED),
    *(AMENDED, RETRY_AMENDED),
]


def test_every_event_class_has_a_stored_type_of_its_own() -> None:
    classes = {kind for kind in Event.__subclasses__() if kind.__module__.startswith("eventqueue.")}

    assert set(EVENT_TYPES.values()) == classes
    assert all(EVENT_TYPES[type_of(event)] is type(event) for event in ONE_OF_EACH)


def test_each_type_of_event_stands_in_one_category() -> None:
    of_all = [kind for kinds in CATEGORIES.values() for kind in kinds]

    assert sorted(CATEGORIES) == [
        "act",
        "config",
        "ignore",
        "job",
        "late",
        "queue",
        "schedule",
        "seal",
        "views",
        "worker",
    ]
    assert {id(kind) for kind in of_all} == {id(kind) for kind in EVENT_TYPES.values()}
    assert len(of_all) == len(EVENT_TYPES)


def test_what_is_registered_of_a_category_is_what_its_union_names() -> None:
    # By the unions the type checker asks for an arm for each event.
    for category, union in (
        ("job", JobEvent),
        ("config", ConfigEvent),
        ("queue", QueueEvent),
        ("worker", lives.WorkerEvent),
        ("views", upkeep.UpkeepEvent),
        ("act", acts.ActEvent),
        ("schedule", ScheduleEvent),
    ):
        assert set(CATEGORIES[category]) == set(typing.get_args(union))


def test_a_category_comes_with_its_events_from_wherever_it_is_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    class Struck(Event, frozen=True, kw_only=True, tag="struck"):
        hour: int

    with monkeypatch.context() as patched:
        patched.setattr(events, "CATEGORIES", dict(CATEGORIES))
        patched.setattr(events, "EVENT_TYPES", dict(EVENT_TYPES))
        events.register("clock", Struck)

        assert events.CATEGORIES["clock"] == (Struck,)
        assert events.EVENT_TYPES["struck"] is Struck


class Twin(Event, frozen=True, kw_only=True, tag="struck"):
    """An event."""


class OtherTwin(Event, frozen=True, kw_only=True, tag="struck"):
    """Another one of the same type."""


@pytest.mark.parametrize(
    ("category", "kinds"), [("job", [LateResult]), ("job", [Twin]), ("clock", [Paused]), ("clock", [Twin, OtherTwin])]
)
def test_what_is_known_is_not_registered_again(category: str, kinds: list[type[Event]]) -> None:
    before = dict(CATEGORIES), dict(EVENT_TYPES)

    with pytest.raises(ValueError, match="known already"):
        events.register(category, *kinds)

    assert before == (CATEGORIES, EVENT_TYPES)


def test_the_types_of_a_jobs_events_are_words_that_never_change() -> None:
    assert [type_of(event) for event in ONE_OF_EACH] == [
        *("enqueued", "claimed", "completed", "failed", "retried", "dead-lettered", "released", "cancelled"),
        *("amended", "retry-amended"),
    ]


def test_no_event_has_a_field_that_would_hide_its_type() -> None:
    assert not [kind for kind in EVENT_TYPES.values() if "type" in kind.__struct_fields__]


def test_a_field_at_its_default_is_absent_from_what_is_stored() -> None:
    assert to_data(failed(retry_at=None)) == {
        "reason": "error",
        "error": {"type": "exit-code", "message": "It ended with 1."},
    }


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_a_default_says_that_something_is_absent_and_is_never_a_policy(kind: type[Event]) -> None:
    # Defaults are not stored: one that meant something would change what old events say when it changes.
    absent: list[Any] = [None, 0, (), {}, "", Output(), Captured()]

    assert all(default in absent for default in _defaults(kind))


def _defaults(kind: type[Any]) -> Iterator[Any]:
    for field in msgspec.structs.fields(kind):
        if field.default is not msgspec.NODEFAULT:
            yield field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            yield field.default_factory()


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        claimed().attempt = 2  # type: ignore[misc]


def test_a_job_and_its_late_results_have_one_name() -> None:
    job, late = stream_of("job", "a-b-c"), stream_of("late", "a-b-c")

    assert (job, late) == ("job-a-b-c", "late-a-b-c")
    assert name_in(job) == name_in(late) == "a-b-c"
    assert (category_of(job), category_of(late)) == ("job", "late")


def test_the_head_of_an_event_is_where_its_stream_then_stands() -> None:
    first, second = history(enqueued(), claimed())

    assert Head(0, None, None) == EMPTY
    assert first.head == Head(1, first.hash, first.at)
    assert second.head.version == 2


def test_a_late_result_keeps_the_outcome_that_lost_whole() -> None:
    late = LateResult(claim=2, worker="worker-1", outcome=type_of(COMPLETED), data=to_data(COMPLETED))
    (recorded,) = seal("late-one", EMPTY, [late], actor="worker/one", now=NOW + timedelta(hours=1))

    assert recorded.recorded.event == late
    assert late.data == {"result": "done", "exit_code": 0, "duration": 1.5}


def test_the_unions_name_every_event_of_their_category() -> None:
    assert set(typing.get_args(events.JobEvent)) == {type(event) for event in ONE_OF_EACH}
    assert type(said(1)) in typing.get_args(events.ConfigEvent)
    assert {type_of(kind()) for kind in typing.get_args(events.QueueEvent)} == {"paused", "resumed"}


# By type and schema, the words of enums and the kinds of unions in its data. An older reader refuses one that it does
# not know as spoilt, where of a newer schema it says that a newer eventqueue wrote it: a word more is a schema more.
WORDS = {
    ("enqueued", 3): {"shell", "python"},
    ("failed", 1): {"error", "timeout", "crashed", "worker-lost"},
    ("retried", 1): {"backoff", "operator"},
    ("schedule-set", 1): {"skip", "once", "all", "allow"},
    ("tick-skipped", 1): {"missed", "overlap", "taken"},
}


def test_no_event_has_a_word_more_without_a_schema_more() -> None:
    found = {(name, kind.SCHEMA): words - {name} for name, kind in EVENT_TYPES.items() if (words := _words(kind))}

    assert {key: words for key, words in found.items() if words} == WORDS


def _words(kind: type[Event]) -> set[str]:
    return set(_enums(msgspec.json.schema(kind)))


def _enums(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _enums(one)
    elif isinstance(schema, dict):
        yield from schema.get("enum", ())
        for one in schema.values():
            yield from _enums(one)


def test_of_very_many_arguments_no_more_are_made_a_text_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a list does of each of its jobs, whenever it is looked at."""
    made: list[object] = []
    brief = events._brief

    def noted(value: object) -> str:
        made.append(value)
        return brief(value)

    call = Call(task="shop:send", args=[7] * 10_000, kwargs={"lang": "de"})
    whole = f"shop:send({', '.join(call.given)[: CALL_MAX - 1]}…)"
    monkeypatch.setattr(events, "_brief", noted)

    assert call.text == whole
    assert len(made) < CALL_MAX
    assert Call(task="shop:send", args=[7], kwargs={"lang": "de"}).text == 'shop:send(7, lang="de")'
