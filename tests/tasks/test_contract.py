"""What a task takes: checked and encoded when it is enqueued, and read again when it runs, perhaps by newer code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest

from eventqueue.errors import ArgumentsChanged, InvalidInput, ResultRefused, TaskRefused
from eventqueue.model.codec import DATA_MAX
from eventqueue.model.events import Call
from eventqueue.tasks.context import NO_JOB, Context
from eventqueue.tasks.contract import Contract

WHEN = datetime(2026, 11, 28, 8, tzinfo=UTC)


@dataclass
class Order:
    id: int
    placed: datetime


def contract(function: Callable[..., Any]) -> Contract:
    return Contract("app.send", function)


def send(to: str, n: int = 1, *, at: datetime | None = None) -> None: ...


def test_arguments_are_kept_by_name_whatever_way_they_were_given() -> None:
    found = contract(send)

    assert found.call(["ann"], {"n": 2}) == found.call([], {"to": "ann", "n": 2}) == found.call(["ann", 2], {})
    assert found.call(["ann", 2], {}) == Call(task="app.send", kwargs={"to": "ann", "n": 2})


def test_what_was_enqueued_is_given_to_the_function() -> None:
    found = contract(lambda_free)

    call = found.call([Order(1, WHEN)], {"wait": timedelta(minutes=5)})

    assert found.arguments(call, NO_JOB) == ([], {"order": Order(1, WHEN), "wait": timedelta(minutes=5)})


def lambda_free(order: Order, wait: timedelta) -> None: ...


def test_positions_are_kept_where_only_they_can_be() -> None:
    def several(first: int, /, *rest: int, **named: datetime) -> None: ...

    call = contract(several).call([1, 2, 3], {"at": WHEN})

    assert call == Call(task="app.send", args=[1, 2, 3], kwargs={"at": "2026-11-28T08:00:00Z"})
    assert contract(several).arguments(call, NO_JOB) == ([1, 2, 3], {"at": WHEN})


def test_what_stands_before_further_positions_keeps_its_own() -> None:
    def several(first: int, *rest: int) -> None: ...

    assert contract(several).call([1, 2, 3], {}).args == [1, 2, 3]


@pytest.mark.parametrize(
    ("args", "kwargs", "named", "problem"),
    [
        ([1], {}, "to", "expected str, got int"),
        (["ann"], {"n": "two"}, "n", "expected int, got str"),
        (["ann"], {"at": "tomorrow"}, "at", "expected datetime"),
        ([], {}, "args", "missing a required argument: 'to'"),
        (["ann"], {"m": 1}, "args", "unexpected keyword argument 'm'"),
        (["ann", 1, 2], {}, "args", "too many positional arguments"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_argument(
    args: list[Any], kwargs: dict[str, Any], named: str, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem) as refused:
        contract(send).call(args, kwargs)

    assert refused.value.field == named


def test_a_part_of_an_argument_is_named_with_its_place() -> None:
    def place(orders: list[Order]) -> None: ...

    with pytest.raises(InvalidInput, match=r"orders: expected int, got str \(at \[0\]\.id\)"):
        contract(place).call([[Order("one", WHEN)]], {})  # type: ignore[arg-type]


def test_arguments_that_came_as_json_are_checked_like_all_others() -> None:
    found = contract(send)

    assert found.checked(Call(task="old.name", args=["ann"], kwargs={"at": "2026-11-28T09:00:00+01:00"})) == Call(
        task="app.send", kwargs={"to": "ann", "at": "2026-11-28T09:00:00+01:00"}
    )
    with pytest.raises(InvalidInput, match="n: expected int, got str"):
        found.checked(Call(task="app.send", args=["ann", "2"]))


# Deploys.


def test_a_job_from_before_an_argument_was_added_runs() -> None:
    def before(to: str) -> None: ...

    assert contract(send).arguments(contract(before).call(["ann"], {}), NO_JOB) == ([], {"to": "ann"})


def renamed(recipient: str) -> None: ...


def retyped(to: int) -> None: ...


def further(to: str, body: str) -> None: ...


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        (renamed, "as it is now: missing a required argument: 'recipient'"),
        (retyped, "as it is now: to: expected int, got str"),
        (further, "as it is now: missing a required argument: 'body'"),
    ],
)
def test_a_job_whose_arguments_fit_no_more_is_told_what_differs(now: Callable[..., Any], problem: str) -> None:
    call = contract(send).call(["ann"], {})

    with pytest.raises(ArgumentsChanged, match=problem):
        contract(now).arguments(call, NO_JOB)


# What a function cannot take or give back.


def test_a_parameter_of_which_no_value_could_be_read_back_is_refused() -> None:
    def connect(socket: type) -> None: ...

    with pytest.raises(TaskRefused, match="its parameter socket is a type, which cannot be read back"):
        contract(connect)


def test_an_annotation_that_names_nothing_is_refused() -> None:
    def later(order: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TaskRefused, match="NameError"):
        contract(later)


def test_a_context_is_no_argument_of_the_job() -> None:
    def told(ctx: Context, to: str) -> None: ...

    assert contract(told).context == "ctx"
    assert contract(told).call(["ann"], {}) == Call(task="app.send", kwargs={"to": "ann"})
    assert contract(send).context is None


def optional(to: str, ctx: Context | None = None) -> None: ...


def later(to: str, *rest: int, ctx: Context = NO_JOB) -> None: ...


@pytest.mark.parametrize("function", [optional, later])
def test_a_context_may_be_one_or_none_and_stand_behind_further_positions(function: Callable[..., Any]) -> None:
    assert contract(function).context == "ctx"


def first(ctx: Context, *rest: int) -> None: ...


def nameless(ctx: Context, /, to: str) -> None: ...


def several(*ctx: Context) -> None: ...


@pytest.mark.parametrize("function", [first, nameless, several])
def test_a_context_that_cannot_be_given_by_name_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TaskRefused, match=r"ctx, which is given by name, must stand behind a `\*`: \*, ctx: "):
        contract(function)


UNSAID: Any = object()
NOTHING: Any = None


def with_defaults(a: int, b: float = 1, c: str = NOTHING, *, d: Any = UNSAID, e: int = 7) -> None: ...


def in_places(a: int, b: int = 1, /, *rest: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (with_defaults, [((1,), {}), ((1, 1.0), {}), ((1,), {"b": 1, "e": 7}), ((), {"a": 1})]),
        (with_defaults, [((1, 2), {"d": 3}), ((1,), {"b": 2, "d": 3, "e": 7})]),
        (in_places, [((1,), {}), ((1, 1), {})]),
    ],
)
def test_a_call_is_the_same_whether_it_names_its_defaults_or_not(function: Callable[..., Any], calls: Any) -> None:
    found = contract(function)

    first, *others = [found.shortest(found.checked(found.call(*one))) for one in calls]

    assert others == [first] * len(others)


@pytest.mark.parametrize(
    ("function", "args", "others"),
    [(with_defaults, [1, 1], [1, 2]), (in_places, [1, 1, 5], [1, 5]), (in_places, [1], [2]), (in_places, [1], [1, 2])],
)
def test_a_call_with_another_value_is_another(function: Callable[..., Any], args: list[int], others: list[int]) -> None:
    found = contract(function)

    assert found.shortest(found.call(args, {})) != found.shortest(found.call(others, {}))


def test_a_parameter_that_is_added_with_a_default_leaves_calls_the_same() -> None:
    def before(to: str) -> None: ...

    found = contract(send)
    assert found.shortest(found.call(["ann", 1], {})) == contract(before).shortest(contract(before).call(["ann"], {}))


def test_a_function_that_knows_its_job_can_be_called_without_one() -> None:
    def told(to: str, ctx: Context = NO_JOB) -> str:
        ctx.progress(1, 2)
        return f"{to} {ctx.cancelled()}"

    assert told("ann") == "ann False"
    assert contract(told).call(["ann"], {}) == Call(task="app.send", kwargs={"to": "ann"})


def test_a_result_is_kept_as_json_and_read_by_its_annotation() -> None:
    def place() -> Order:
        return Order(1, WHEN)

    plain = contract(place).result(place())

    assert plain == {"id": 1, "placed": "2026-11-28T08:00:00Z"}
    assert contract(place).result_read(plain) == Order(1, WHEN)
    with pytest.raises(ResultRefused, match="not of the type"):
        contract(place).result_read({"id": "one"})


def test_a_function_of_which_no_result_could_be_read_back_is_refused() -> None:
    def connect() -> type: ...  # type: ignore[empty-body]

    with pytest.raises(TaskRefused, match="what it gives back is a type, which cannot be read back"):
        contract(connect)


def untold():  # type: ignore[no-untyped-def]
    ...


def whatever() -> object: ...


def never() -> NoReturn:
    raise ValueError


def counted() -> int: ...  # type: ignore[empty-body]


def placed() -> list[Order]: ...  # type: ignore[empty-body]


def numbered() -> dict[int, int]: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("function", "value", "problem"),
    [
        (counted, "x", "expected int, got str"),
        (counted, None, "expected int, got null"),
        (send, 1, "expected null, got int"),
        (placed, [Order(1, WHEN), 7], r"expected object, got int \(at \[1\]\)"),
        (untold, {1: 2}, "holds something that would come back as another type"),
        (untold, WHEN, "is a datetime, and would come back as a str: annotate it as what it is"),
    ],
)
def test_what_a_function_returns_is_held_against_its_annotation(
    function: Callable[..., Any], value: Any, problem: str
) -> None:
    with pytest.raises(ResultRefused, match=f"The result of task app.send is not what it says to give back: {problem}"):
        contract(function).result(value)


@pytest.mark.parametrize(
    ("function", "value"),
    [(send, None), (counted, 1), (placed, [Order(1, WHEN)]), (untold, {"a": [1, None]}), (numbered, {1: 2})],
)
def test_what_fits_its_annotation_comes_back_as_it_was(function: Callable[..., Any], value: Any) -> None:
    assert contract(function).result_read(contract(function).result(value)) == value


@pytest.mark.parametrize("function", [untold, whatever, never])
def test_a_function_that_does_not_say_what_it_returns_may_return_anything(function: Callable[..., Any]) -> None:
    assert contract(function).result([1, "a"]) == [1, "a"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x" * (DATA_MAX + 1), "more than 262,144 bytes"),
        ([0] * (DATA_MAX + 1), "more than 262,144 bytes"),
        (["é" * 1000] * 200, "more than 262,144 bytes"),
        (list(range(25_000)), "more than 262,144 bytes"),  # as they are stored: as JSON they are fewer
        ([0.5] * 19_000, "more than 262,144 bytes"),
        ([[]] * 30_000, "more than 262,144 bytes"),
        (object(), "cannot be stored"),
        (float("nan"), "not finite"),
        (2**63, "beyond 64 bits"),
        ("\ud800", "lone surrogate"),
    ],
    ids=["text", "list", "texts", "ints", "floats", "lists", "object", "NaN", "large", "surrogate"],
)
def test_a_result_that_cannot_be_kept_is_refused_with_advice(value: Any, problem: str) -> None:
    with pytest.raises(ResultRefused, match=problem):
        contract(untold).result(value)


def test_a_result_is_measured_as_it_is_stored() -> None:
    assert contract(untold).result([None] * 30_000) == [None] * 30_000
    assert len(contract(untold).result("x" * (DATA_MAX - 20))) == DATA_MAX - 20
