"""docs/seals.md followed by a reader that shares no code with this package: the standard library, and a real log."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eventqueue.api.queue import Queue
from eventqueue.mongo.ground import Ground
from eventqueue.sealing.files import export
from eventqueue.sealing.proving import prove, prove_between
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signing import create

RECIPE = (Path(__file__).parents[2] / "docs" / "seals.md").read_text()
FIELDS = ("log", "number", "size", "root", "events", "until", "looked", "at", "previous", "key")


def statement(line: dict[str, Any]) -> bytes:
    said = dict(line)
    for field in ("until", "looked"):
        said[field] = "{}.{}".format(*line[field])
    text = "eventqueue seal 1\n"
    for field in FIELDS:
        text += f"{field} {'-' if said[field] is None else said[field]}\n"
    return text.encode()


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def leaves_in(pieces: list[bytes]) -> list[bytes]:
    found = []
    for piece in pieces:
        while piece:
            length = int.from_bytes(piece[:2], "big")
            found.append(piece[2 : 2 + length])
            piece = piece[2 + length :]  # noqa: PLW2901 - what is left of it
    return found


def test_a_log_is_sealed_as_the_recipe_says(queue: Queue, ground: Ground, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    signer = create(str(tmp_path / "key"))
    for number in range(5):
        queue.enqueue_many({"command": "true", "id": f"{number}-{each}"} for each in range(number + 1))
        list(Sealer(ground, "test", signer).seal_all())
    export(ground, str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]

    events = list(ground.database["events"].find({"_id.stream": "seal-leaves"}, sort=[("_id", 1)]))
    leaves = leaves_in([bytes(one["data"]["leaves"]) for one in events])
    before = None
    for line in lines:
        assert sha256(statement(line)).hexdigest() == line["hash"]
        assert root(leaves[: line["size"]]).hex() == line["root"]
        assert line["previous"] == before
        before = line["hash"]
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(line["key"])).verify(
            bytes.fromhex(line["signature"]), statement(line)
        )


def test_a_leaf_is_the_head_of_a_stream_as_the_log_has_it(queue: Queue, ground: Ground) -> None:
    queue.enqueue(command="true", id="a")
    queue.cancel("a")
    list(Sealer(ground, "test").seal_all())
    proof = json.loads(msgspec.json.encode(prove(ground.log, "job-a", 1)))

    event = ground.database["events"].find_one({"_id": {"stream": "job-a", "version": 2}})
    assert event is not None
    leaf = b"job-a\x00" + (2).to_bytes(8, "big") + bytes(event["hash"])
    assert sha256(b"\x00" + leaf).hexdigest() == proof["seal"]["root"]  # it is the only one
    assert proof["hash"] == bytes(event["hash"]).hex()


def test_the_example_is_a_statement() -> None:
    example = "\n".join(re.findall(r"^    (.*)$", RECIPE, re.MULTILINE)[: len(FIELDS) + 1]) + "\n"
    line: dict[str, Any] = dict(text.partition(" ")[::2] for text in example.splitlines()[1:])
    said = {**line, "until": line["until"].split("."), "looked": line["looked"].split("."), "key": None}

    assert statement(said).decode() == example


def test_each_field_that_is_kept_is_told(queue: Queue, ground: Ground, tmp_path: Path) -> None:
    queue.enqueue(command="true", id="a")
    list(Sealer(ground, "test").seal_all())
    queue.cancel("a")
    list(Sealer(ground, "test").seal_all())
    export(ground, str(tmp_path / "seals.jsonl"))
    told = set(re.findall(r"`([a-z]+)`", RECIPE))

    assert set(json.loads((tmp_path / "seals.jsonl").read_text().splitlines()[0])) <= told
    for proof in (prove(ground.log, "job-a", 2), prove_between(ground.log, 1, 2)):
        assert set(json.loads(msgspec.json.encode(proof))) <= told
