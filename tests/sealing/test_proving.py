"""Proofs out of a real log, checked without one: they hold, for what was sealed, and for nothing else."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from eventqueue.api.queue import Queue
from eventqueue.audit import proofs
from eventqueue.audit.seals import Seal
from eventqueue.errors import BadSeals, LogCorrupt, NotProven, NotSealed
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.proving import prove, prove_between
from eventqueue.sealing.sealer import Sealer
from eventqueue.telling.documents import plain
from tests.sealing.forger import Forger


@pytest.fixture
def log(queue: Queue, ground: Ground) -> Ground:
    """Three seals: `a` changed before each of them, the others before one."""
    sealer = Sealer(ground, "test")
    for name in ("b", "c", "d"):
        queue.enqueue_many({"command": "true", "id": f"{name}{number}"} for number in range(5))
        if name == "b":
            queue.enqueue(command="true", id="a")
        else:
            queue.cancel("a") if name == "c" else queue.retry("a")
        assert list(sealer.seal_all())
    return ground


def seals(ground: Ground) -> list[Seal]:
    return [one.seal for one in stored.seals(ground.log)]


def written(proof: proofs.Proof) -> bytes:
    """A proof as it is printed."""
    return msgspec.json.encode(msgspec.to_builtins(proof))


def test_a_job_is_proven_as_it_stood_in_each_seal(log: Ground) -> None:
    for number in (1, 2, 3):
        proof = prove(log.log, "job-a", number)

        assert proof.version == number
        assert proofs.check(proofs.read(written(proof))) == [seals(log)[number - 1]]


def test_what_did_not_change_any_more_is_proven_by_the_seal_it_was_last_in(log: Ground) -> None:
    proof = prove(log.log, "job-b0", None)

    assert (proof.version, proof.seal.number) == (1, 3)
    assert proofs.check(proof) == [seals(log)[2]]


def test_any_seal_is_proven_to_continue_any_before_it(log: Ground) -> None:
    for old, new in ((1, 2), (1, 3), (2, 3), (3, 3), (3, 1)):
        proof = prove_between(log.log, old, new)

        first, second = sorted((old, new))
        assert proofs.check(proofs.read(written(proof))) == [seals(log)[first - 1], seals(log)[second - 1]]


def test_what_is_in_no_seal_is_not_proven(queue: Queue, log: Ground) -> None:
    queue.enqueue(command="true", id="new")

    for stream, number in (("job-new", 3), ("job-d0", 2), ("job-nobody", None)):
        with pytest.raises(NotSealed, match=f"has nothing of {stream}"):
            prove(log.log, stream, number)
    with pytest.raises(NotSealed, match="There is no seal 4"):
        prove(log.log, "job-a", 4)


def test_without_a_seal_it_is_said_how_to_make_one(ground: Ground) -> None:
    with pytest.raises(NotSealed, match="No seal was made yet"):
        prove(ground.log, "job-a", None)


def test_a_log_that_was_altered_proves_nothing(log: Ground) -> None:
    Forger(log).alter("job-a", 1, actor="somebody else")

    with pytest.raises(LogCorrupt, match="does not lead to its own seal"):
        prove(log.log, "job-a", 3)


def flipped(value: str) -> str:
    return ("0" if value[0] != "0" else "1") + value[1:]


def altered(path: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    *way, last = path.split(".")

    def alter(document: Any) -> None:
        for step in way:
            document = document[int(step) if step.isdigit() else step]
        place: Any = int(last) if last.isdigit() else last
        document[place] = change(document[place])

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        altered("stream", lambda _: "job-b0"),
        altered("version", lambda version: version - 1),
        altered("hash", flipped),
        altered("index", lambda index: index - 1),
        altered("path.0", flipped),
        altered("path", lambda path: path[:-1]),
        altered("path", lambda path: [*path, path[0]]),
        altered("seal.root", flipped),
        altered("seal.number", lambda _: 9),
        altered("seal.hash", flipped),
        altered("seal.at", lambda at: at.replace("-", "9", 1)[:5] + "13-41T" + at[11:]),
        altered("seal.at", lambda at: "2026-13-41T" + at[11:]),
        altered("seal.size", lambda size: size + 1),
        altered("index", lambda _: 2**61),
        altered("kind", lambda _: "consistency"),
        altered("stream", lambda _: 1),
        altered("path", lambda _: ["x"]),
    ],
)
def test_a_proof_that_was_altered_does_not_hold(log: Ground, alter: Callable[[Any], None]) -> None:
    document = json.loads(written(prove(log.log, "job-a", 3)))
    alter(document)

    with pytest.raises((NotProven, BadSeals)):
        proofs.check(proofs.read(json.dumps(document).encode()))


@pytest.mark.parametrize(
    "alter", [altered("path.0", flipped), altered("path", lambda _: []), altered("old.root", flipped)]
)
def test_a_proof_between_seals_that_was_altered_does_not_hold(log: Ground, alter: Callable[[Any], None]) -> None:
    document = json.loads(written(prove_between(log.log, 1, 3)))
    alter(document)

    with pytest.raises((NotProven, BadSeals)):
        proofs.check(proofs.read(json.dumps(document).encode()))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"kind": "inclusion"}', b"[" * 100_000])
def test_what_is_no_proof_is_a_sentence(content: bytes) -> None:
    with pytest.raises(NotProven, match="This is no proof"):
        proofs.read(content)


def test_a_proof_of_a_stream_that_is_no_text_does_not_hold(log: Ground) -> None:
    document = {**plain(msgspec.to_builtins(prove(log.log, "job-a", 3))), "stream": "job-\ud800"}

    with pytest.raises(NotProven):
        proofs.check(proofs.read(json.dumps(document).encode()))
