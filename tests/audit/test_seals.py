"""What a seal states, byte for byte; the line in which it is kept; and seals of a file held against each other."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.audit.leaves import PIECE_MAX, Leaf, is_of, pack, parse, unpack
from eventqueue.audit.seals import Seal, encode, read_lines
from eventqueue.errors import BadSeals

LOG = "0123456789abcdef0123456789abcdef"
FIRST = Seal(
    log=LOG,
    number=1,
    size=3,
    root=bytes(range(32)),
    events=7,
    until=(1_790_000_000, 4),
    looked=(1_790_000_015, 1),
    at=datetime(2026, 11, 28, 12, 30, 1, 5000, tzinfo=UTC),
)
SECOND = replace(FIRST, number=2, size=5, events=9, previous=FIRST.hash, key=bytes(32), signature=bytes(64))
THIRD = replace(SECOND, number=3, size=6, events=10, previous=SECOND.hash)


def read(lines: Sequence[bytes]) -> list[Seal]:
    return list(read_lines(lines, "seals.jsonl"))


def test_a_statement_is_made_of_these_bytes() -> None:
    assert SECOND.statement == (
        b"eventqueue seal 1\n"
        b"log 0123456789abcdef0123456789abcdef\n"
        b"number 2\n"
        b"size 5\n"
        b"root 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        b"events 9\n"
        b"until 1790000000.4\n"
        b"looked 1790000015.1\n"
        b"at 2026-11-28T12:30:01.005Z\n" + f"previous {FIRST.hash.hex()}\nkey {'00' * 32}\n".encode()
    )
    assert FIRST.statement.endswith(b"\nprevious -\nkey -\n")
    assert FIRST.hash == sha256(FIRST.statement).digest()


def test_a_seal_comes_back_from_its_line() -> None:
    assert read([encode(FIRST), encode(SECOND), encode(THIRD)]) == [FIRST, SECOND, THIRD]
    assert json.loads(encode(SECOND))["root"] == FIRST.root.hex()


def test_a_gap_between_seals_is_none_of_their_faults() -> None:
    assert read([encode(FIRST), encode(THIRD)]) == [FIRST, THIRD]


@pytest.mark.parametrize(
    "field", ["log", "number", "size", "root", "events", "until", "looked", "at", "previous", "key"]
)
def test_whatever_is_altered_in_a_line_is_found(field: str) -> None:
    line, other = json.loads(encode(SECOND)), json.loads(encode(THIRD))
    altered = {
        "log": "f" * 32,
        "root": "f" * 64,
        "until": [1, 2],
        "looked": [1, 2],
        "at": "2026-01-01T00:00:00.000Z",
        "key": "f" * 64,
    }
    line[field] = altered.get(field, other[field])

    with pytest.raises(BadSeals, match=r"Line 2 of seals\.jsonl .* was altered"):
        read([encode(FIRST), json.dumps(line).encode() + b"\n"])


@pytest.mark.parametrize("length", [1, 50, len(encode(SECOND)) - 1])
def test_a_line_that_is_cut_is_named(length: int) -> None:
    with pytest.raises(BadSeals, match=r"Line 2 of seals\.jsonl .* it is cut"):
        read([encode(FIRST), encode(SECOND)[:length]])


def test_a_date_that_is_none_is_named() -> None:
    line = encode(FIRST).replace(b"2026-11-28", b"2026-13-28")

    with pytest.raises(BadSeals, match=r"Line 1 of seals\.jsonl is no seal .*month"):
        read([line])


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"number": 1}\n'])
def test_what_is_no_seal_is_named(line: bytes) -> None:
    with pytest.raises(BadSeals, match=r"Line 1 of seals\.jsonl is no seal"):
        read([line])


@pytest.mark.parametrize(
    ("seal", "why"),
    [
        (replace(SECOND, log="f" * 32), "is of log"),
        (replace(SECOND, previous=bytes(32)), "does not continue seal 1"),
        (FIRST, "stands behind seal 1"),
        (replace(SECOND, size=3), "has less than seal 1"),
        (replace(SECOND, events=7), "has less than seal 1"),
        (replace(SECOND, until=(1, 1)), "has less than seal 1"),
    ],
)
def test_a_seal_that_does_not_follow_the_one_before_it_is_refused(seal: Seal, why: str) -> None:
    with pytest.raises(BadSeals, match=f"Line 2 .*{why}"):
        read([encode(FIRST), encode(seal)])


# Leaves.

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)
leaves = st.builds(Leaf, names, st.integers(1, 2**60), st.binary(min_size=32, max_size=32))


def test_a_leaf_is_made_of_these_bytes() -> None:
    assert Leaf("job-ä", 258, bytes(range(32))).data == b"job-\xc3\xa4\x00\x00\x00\x00\x00\x00\x00\x01\x02" + bytes(
        range(32)
    )


@given(st.lists(leaves))
def test_leaves_come_back_from_what_is_stored(found: list[Leaf]) -> None:
    pieces = list(pack(leaf.data for leaf in found))

    assert [parse(data) for _, piece in pieces for data in unpack(piece)] == found
    assert sum(number for number, _ in pieces) == len(found)


def test_a_piece_has_no_more_bytes_than_an_event_may() -> None:
    data = Leaf("job-" + "x" * 200, 1, bytes(32)).data

    pieces = list(pack([data] * 3000))

    assert sum(number for number, _ in pieces) == 3000
    assert len(pieces) > 1
    assert max(len(piece) for _, piece in pieces) <= PIECE_MAX


@given(st.lists(leaves))
def test_leaves_sorted_by_their_bytes_are_in_the_order_of_the_log(found: list[Leaf]) -> None:
    by_place = sorted(found, key=lambda leaf: (leaf.stream.encode(), leaf.version, leaf.hash))

    assert [parse(data) for data in sorted(leaf.data for leaf in found)] == by_place


@given(leaves, names)
def test_a_leaf_is_of_its_stream_and_of_no_other(leaf: Leaf, other: str) -> None:
    assert is_of(leaf.data, leaf.stream)
    assert is_of(leaf.data, other) == (other == leaf.stream)


@given(st.binary(max_size=300))
def test_pieces_that_were_altered_are_read_to_their_end(piece: bytes) -> None:
    for data in unpack(piece):
        try:
            assert parse(data).data == data
        except ValueError:
            assert True
