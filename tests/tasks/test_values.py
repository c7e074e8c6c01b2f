"""What goes in comes out, or is refused before it is stored."""

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.tasks.values import Unfit, check_type, decoded, encoded


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Address:
    street: str
    number: int = 1
    tags: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Incomparable:
    at: datetime


@dataclass
class Loose:
    anything: Any


class Order(msgspec.Struct):
    id: UUID
    total: Decimal
    placed: datetime
    ship_to: Address | None = None


class Row(TypedDict):
    name: str
    size: int


class Point(NamedTuple):
    x: int
    y: float


ADDRESSES = st.builds(Address, st.text(), st.integers(-(2**63), 2**63 - 1), st.lists(st.text(), max_size=3))
WHEN = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - zone beside it
LEAVES: Mapping[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    str: st.text(),
    bytes: st.binary(max_size=50),
    datetime: WHEN,
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(timedelta(days=-(10**5)), timedelta(days=10**5)),
    UUID: st.uuids(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    Path: st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20).map(
        Path
    ),
    Colour: st.sampled_from(Colour),
    Level: st.sampled_from(Level),
    Literal["a", "b"]: st.sampled_from(["a", "b"]),
    Address: ADDRESSES,
    Order: st.builds(
        Order, st.uuids(), st.decimals(allow_nan=False, allow_infinity=False), WHEN, st.none() | ADDRESSES
    ),
    Row: st.fixed_dictionaries({"name": st.text(), "size": st.integers(0, 9)}),
    Point: st.builds(Point, st.integers(0, 9), st.floats(allow_nan=False, allow_infinity=False)),
}


def typed() -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    """Types, each with what makes values of it: leaves, and containers of them."""
    leaves = st.sampled_from(sorted(LEAVES, key=str)).map(lambda kind: (kind, LEAVES[kind]))

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        hashable = st.sampled_from([int, str, UUID, date, Colour])
        return st.one_of(
            inner.map(lambda one: (list.__class_getitem__(one[0]), st.lists(one[1], max_size=3))),
            inner.map(lambda one: (tuple.__class_getitem__((one[0], ...)), st.lists(one[1], max_size=3).map(tuple))),
            inner.map(lambda one: (one[0] | None, st.none() | one[1])),
            inner.map(
                lambda one: (dict.__class_getitem__((str, one[0])), st.dictionaries(st.text(), one[1], max_size=3))
            ),
            inner.map(
                lambda one: (
                    dict.__class_getitem__((int, one[0])),
                    st.dictionaries(st.integers(0, 9), one[1], max_size=3),
                )
            ),
            hashable.map(lambda kind: (set.__class_getitem__(kind), st.sets(LEAVES[kind], max_size=3))),
            hashable.map(lambda kind: (frozenset.__class_getitem__(kind), st.frozensets(LEAVES[kind], max_size=3))),
        )

    return st.recursive(leaves, around, max_leaves=4)


@given(st.data())
def test_a_value_of_its_type_comes_back_as_it_was(data: st.DataObject) -> None:
    kind, values = data.draw(typed())
    value = data.draw(values)

    check_type(kind)
    back = decoded(msgspec.json.decode(msgspec.json.encode(encoded(value, kind))), kind)

    assert back == value
    assert type(back) is type(value)


ANYTHING = st.one_of(
    *LEAVES.values(),
    st.none(),
    st.lists(st.one_of(st.integers(), st.text(), st.binary(), WHEN), max_size=3),
    st.dictionaries(st.integers() | st.text(), st.one_of(st.uuids(), st.text(), st.floats()), max_size=3),
    st.tuples(st.integers(), st.text()),
    st.sets(st.integers()),
    st.complex_numbers(),
    st.just(object()),
    st.builds(Loose, WHEN | st.integers() | st.binary()),
)


@given(st.sampled_from([Any, object, *sorted(LEAVES, key=str), list, dict, list[Any], dict[str, Any], Loose]), ANYTHING)
def test_any_value_for_any_type_comes_back_as_it_was_or_is_refused(kind: Any, value: Any) -> None:
    try:
        plain = encoded(value, kind)
    except Unfit:
        return
    back = decoded(plain, kind)

    if not isinstance(value, dict | tuple | set):  # whose kind is what the annotation says
        assert back == value or (back != back and value != value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("abcd", bytes),
        ("2026-01-01T00:00:00Z", datetime),
        ("1.5", Decimal),
        ("5f0c1a6e-0000-4000-8000-000000000000", UUID),
        ("/tmp", Path),
        (1, str),
        (True, int),
        (1.0, int),
        (Address("a", "b"), Address),  # type: ignore[arg-type]
        (datetime(2026, 1, 1, tzinfo=UTC), Any),
        ([b"a"], list[Any]),
        (Loose(b"a"), Loose),
        (object(), Any),
        ({"x": {1: "a"}}, Any),
        ([["abcd"]], set[tuple[bytes]]),
    ],
    ids=range(15),
)
def test_what_would_come_back_as_something_else_is_refused(value: Any, kind: Any) -> None:
    with pytest.raises(Unfit):
        encoded(value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        ((1, 2), list[int], [1, 2]),
        ([1, 2], Sequence[int], [1, 2]),
        ((1, 2), Sequence[int], [1, 2]),
        ({"street": "a"}, Address, Address("a")),
        (1, float, 1.0),
        ("red", Colour, Colour.RED),
        (Incomparable(datetime(2026, 1, 1, tzinfo=UTC)), Incomparable, None),
        (PurePosixPath("a"), PurePosixPath, PurePosixPath("a")),
    ],
    ids=range(8),
)
def test_a_container_becomes_what_its_annotation_says(value: Any, kind: Any, back: Any) -> None:
    found = decoded(encoded(value, kind), kind)

    if back is not None:
        assert found == back
    else:
        assert found.at == value.at


@pytest.mark.parametrize(
    ("value", "kind", "back"),
    [
        ([[1, 2], [1, 2], [3, 4]], set[tuple[int, int]], {(1, 2), (3, 4)}),
        ({"a": [[1, 2]]}, dict[str, frozenset[tuple[int, int]]], {"a": {(1, 2)}}),
        ([[[1], [2]]], set[frozenset[tuple[int, ...]]], {frozenset({(1,), (2,)})}),
    ],
)
def test_lists_become_tuples_in_a_set_that_its_annotation_says(value: Any, kind: Any, back: Any) -> None:
    assert decoded(encoded(value, kind), kind) == back


def test_a_bound_of_a_type_is_held() -> None:
    with pytest.raises(Unfit, match="<= 9"):
        encoded(10, Annotated[int, msgspec.Meta(le=9)])


def test_a_set_is_always_written_in_the_same_order() -> None:
    words = [str(number) for number in range(100)]

    assert encoded(set(words), set[str]) == sorted(words)


@pytest.mark.parametrize("kind", [Callable[[], int], type, complex, list[complex], Address | Row, str | bytes, "x"])
def test_a_type_of_which_nothing_could_be_read_back_is_refused(kind: Any) -> None:
    with pytest.raises(Unfit):
        check_type(kind)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(Unfit):
        encoded(endless, list[Any])


class Card(pydantic.BaseModel):
    number: str
    expires: date
    limit: Decimal | None = None


@attrs.define
class Parcel:
    weight: float
    sent_at: datetime


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Card(number="4111", expires=date(2030, 1, 1), limit=Decimal("9.50")), Card),
        ([Card(number="4111", expires=date(2030, 1, 1))], list[Card]),
        (Parcel(1.5, datetime(2026, 1, 1, tzinfo=UTC)), Parcel),
        ({"a": Parcel(1.5, datetime(2026, 1, 1, tzinfo=UTC))}, dict[str, Parcel]),
    ],
    ids=["pydantic", "pydantic in a list", "attrs", "attrs in a dict"],
)
def test_models_of_other_libraries_come_back(value: Any, kind: Any) -> None:
    check_type(kind)

    assert decoded(msgspec.json.decode(msgspec.json.encode(encoded(value, kind))), kind) == value


class Aliased(pydantic.BaseModel):
    number: int = pydantic.Field(alias="Number")


class Renamed(pydantic.BaseModel):
    number: int = pydantic.Field(1, serialization_alias="Nr")


class Holder(pydantic.BaseModel):
    aliased: Aliased = pydantic.Field(alias="Aliased")


@pytest.mark.parametrize("value", [Aliased(Number=3), Renamed(number=3), Holder(Aliased=Aliased(Number=3))])
def test_a_model_with_aliases_comes_back(value: pydantic.BaseModel) -> None:
    assert decoded(encoded(value, type(value)), type(value)) == value
    assert decoded(encoded([value], list[type(value)]), list[type(value)]) == [value]  # type: ignore[misc]


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Unfit):
        encoded({"number": "4111"}, Card)
    with pytest.raises(Unfit):
        encoded("4111", Card)


@pytest.mark.parametrize("value", ["\ud800", ["\ud800"], {"\ud800": 1}], ids=["text", "list", "key"])
@pytest.mark.parametrize("kind", [str, float, datetime, list[int], dict[str, int], Address, Any])
def test_a_text_that_is_none_is_refused_like_any_value_that_does_not_fit(kind: Any, value: Any) -> None:
    for read in (encoded, decoded):
        with suppress(Unfit):
            read(value, kind)
