"""docs/format.md: what it says is recomputed by a reader of its own, and is what the product reads and writes."""

import json
import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from struct import unpack

import pytest

from eventqueue.model.codec import content_hash, decode
from eventqueue.transfer.file import check
from eventqueue.transfer.lines import line_of, lines
from tests import kinds
from tests.builders import said, sealed
from tests.mongo.bson_slices import elements, recomputed, told

TEXT = (Path(__file__).parents[1] / "docs" / "format.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)\n```", TEXT, re.DOTALL)
FIRST, SECOND = (bytes.fromhex("".join(line[:48] for line in block.splitlines())) for block in BLOCKS[:2])
EXPORT = f"{BLOCKS[2]}\n".encode()


@pytest.mark.parametrize("event", [FIRST, SECOND], ids=["first", "second"])
def test_the_bytes_have_the_hash_that_the_page_says(event: bytes) -> None:
    assert f"`{recomputed(event).hex()}`" in TEXT
    assert recomputed(event) == told(event, "hash")


def test_the_recipe_word_for_word_leads_to_the_hash() -> None:
    for event in (FIRST, SECOND):
        kept = event[:-56] + b"\x00"
        kept = len(kept).to_bytes(4, "little") + kept[4:]

        assert sha256(kept).digest() == told(event, "hash")
    assert f"`{(len(FIRST) - 55).to_bytes(4, 'little').hex(' ')}` ({len(FIRST) - 55})" in TEXT


def test_the_second_event_is_chained_to_the_first() -> None:
    assert told(SECOND, "prev") == told(FIRST, "hash")
    assert told(FIRST, "prev") == b""


def test_the_elements_are_those_of_the_table_in_their_order() -> None:
    table = TEXT.partition("## An event")[2].partition("## Its hash")[0]
    names = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert [name for name, _, _ in elements(FIRST)] == names
    assert [name for name, _, _ in elements(sealed(said(1))[0].raw)] == names


def test_the_bucket_is_that_of_the_name() -> None:
    assert unpack("<i", told(FIRST, "bucket")) == (sha256(b"mail").digest()[0] % 64,)


def test_a_changed_byte_of_the_example_shows() -> None:
    for place in range(4, len(FIRST) - 56):
        forged = FIRST[:place] + bytes([FIRST[place] ^ 1]) + FIRST[place + 1 :]

        assert sha256((len(forged) - 55).to_bytes(4, "little") + forged[4:-56] + b"\x00").digest() != told(
            FIRST, "hash"
        )


def test_the_product_reads_the_example_as_the_page_does() -> None:
    assert [decode(one).hash for one in (FIRST, SECOND)] == [content_hash(one) for one in (FIRST, SECOND)]
    assert decode(SECOND).prev == decode(FIRST).hash


def test_the_exported_example_is_whole_and_holds_the_same_events(tmp_path: Path) -> None:
    *before, last = EXPORT.splitlines(keepends=True)

    assert json.loads(last) == {"events": len(before) - 1, "sha256": sha256(b"".join(before)).hexdigest()}
    assert [b64decode(json.loads(line)["raw"]) for line in before[1:]] == [FIRST, SECOND]
    for line in map(json.loads, before[1:]):
        assert line["hash"] == told(b64decode(line["raw"]), "hash").hex()


def test_the_exported_example_is_what_the_product_writes_and_takes(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(EXPORT)
    found = check(str(tmp_path / "log.jsonl"))

    assert b"".join(lines(found.first, found.events())) == EXPORT


def test_each_type_of_event_is_told_with_its_fields() -> None:
    assert kinds.told() == kinds.tables(), "`python -m tests.kinds` renews them"


def test_the_fields_of_a_line_are_those_of_the_table() -> None:
    table = TEXT.partition("| field | JSON type |")[2].partition("\n\n")[0]
    named = [name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]

    assert sorted(json.loads(line_of(FIRST))) == sorted(named)
