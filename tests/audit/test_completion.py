"""What may stand in a filter where it is typed: fields and values, put in the place of what is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.completion import MEANINGS, Place, place_in, suggestions
from eventqueue.audit.filters import FIELDS, parse
from eventqueue.system.zones import zone
from tests.builders import NOW

NAMES = {"queue": ["mail", "my queue", "email"], "tag": ['say "no"']}


def completed(text: str, cursor: int | None = None) -> list[str]:
    """Return what a text becomes by each suggestion at its end, or at a cursor."""
    place = place_in(text, len(text) if cursor is None else cursor)
    return [text[: place.begin] + one.text + text[place.end :] for one in suggestions(place, NAMES)]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("sta", ["state:"]),
        ("state:d", ["state:dead ", "state:due "]),
        ("queue:mail err", ["queue:mail error~"]),
        ("cre", ["created<", "created>"]),
        ("queue:mai", ["queue:mail ", "queue:email "]),
        ("queue:my", ['queue:"my queue" ']),
        ('queue:"my q', ['queue:"my queue" ']),
        ("tag:say", [r'tag:"say \"no\"" ']),
        ("due<+1", ["due<+1h "]),
        ("met", ["meta."]),
        ("meta.tag=re", []),
        ("error~50", []),
        ("staet:de", []),
    ],
)
def test_what_is_typed_is_completed_by_what_may_stand_there(text: str, becomes: list[str]) -> None:
    assert completed(text)[: len(becomes) or None] == becomes


def test_in_the_middle_of_a_text_only_what_is_typed_there_is_replaced() -> None:
    assert completed("sta queue:mail", 3) == ["state: queue:mail"]
    assert completed("state:de queue:mail", 8)[0] == "state:dead  queue:mail"
    assert place_in("queue:mail ", 11) == Place(11, 11, "")
    assert len(completed("")) >= len(FIELDS)


def test_of_each_field_it_is_told_what_it_means() -> None:
    assert MEANINGS.keys() == FIELDS.keys()


TYPED = st.text(st.sampled_from('stae:="\\ ~<>.dmq é😀'), max_size=30)


@given(TYPED, st.integers(0, 40))
def test_wherever_one_types_there_is_a_place_and_what_is_put_there_is_of_the_language(text: str, cursor: int) -> None:
    place = place_in(text, min(cursor, len(text)))

    assert 0 <= place.begin <= min(cursor, len(text)) <= place.end <= len(text)
    for one in suggestions(place, NAMES):
        if place.field in ("state", "queue", "tag"):
            parse(f"{place.field}:{one.text}", NOW, zone)
