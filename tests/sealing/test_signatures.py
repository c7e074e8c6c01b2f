"""Seals held against the key that signs them: whatever somebody without that key makes of them is a finding."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import LEAVES, SEALS, Seal, encode
from eventqueue.errors import InvalidInput, LogCorrupt, Refused
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signatures import Signatures
from eventqueue.sealing.signing import Signer, create
from tests.sealing.forger import Document, Forger

Forge = Callable[[Forger], object]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return create(str(tmp_path / "seal.key"))


@pytest.fixture
def public(signer: Signer) -> str:
    return signer.public.hex()


@pytest.fixture
def signed(queue: Queue, ground: Ground, signer: Signer) -> Queue:
    """A log with three seals, of which the last two are signed."""
    for number, by in enumerate((None, signer, signer), start=1):
        queue.enqueue(command="true", id=f"job-{number}")
        Sealer(ground, "test", by).step(majority_time(ground.database))
    queue.rebuild_views()
    return queue


@pytest.fixture
def forger(ground: Ground) -> Forger:
    return Forger(ground)


def said(queue: Queue, public: str, against: str | None = None) -> list[str]:
    found = queue.verify_all(key=public, against=against).findings
    return [f"{one.stream} {one.version}: {one.problem}" for one in found]


def ours(ground: Ground) -> list[Seal]:
    return [made.seal for made in stored.seals(ground.log)]


def test_where_every_seal_is_signed_from_the_first_one_on_nothing_is_found(signed: Queue, public: str) -> None:
    assert said(signed, public) == []
    (told,) = signed.verify_all(key=public).against
    assert "seal 2 to seal 3" in told


def altering(version: int, **data: object) -> Forge:
    """A hand that alters what a seal says, with all hashes that follow from it."""
    return lambda forger: forger.alter(SEALS, version, data={**forger.history(SEALS)[version - 1]["data"], **data})


def seal_anew(forger: Forger) -> None:
    """Alter a job, and have all seals made again as if that had always been so."""
    forger.alter("job-job-1", 1, actor="mallory")
    forger.seal_from_nothing()


def seal_again(forger: Forger) -> None:
    """The same, and every seal says what it said, the key with it."""
    forger.alter("job-job-1", 1, actor="mallory")
    forger.seal_again(forger.refresh)


def drop(forger: Forger) -> None:
    forger.remove(SEALS)
    forger.remove(LEAVES)


FORGED: dict[str, tuple[Forge, str]] = {
    "the signature is taken away": (
        altering(3, signature=None),
        f"{SEALS} 3: seal 3 is not signed; seal 2 was signed with this key, and so must be all after it",
    ),
    "that of the first signed one is": (altering(2, signature=None), f"{SEALS} 2: seal 2 is not signed"),
    "the signature is another": (
        altering(3, signature=bytes(64)),
        f"{SEALS} 3: the signature of seal 3 is not that of what it states",
    ),
    "the key is another": (altering(3, key=bytes(32)), f"{SEALS} 3: seal 3 is signed with another key, 0000"),
    "what it states is another": (altering(3, events=9), f"{SEALS} 3: the signature of seal 3 is not that"),
    "all seals are made anew": (seal_anew, f"{SEALS} 0: no seal of the log is signed with this key"),
    "all seals are made anew, and look signed": (seal_again, f"{SEALS} 2: the signature of seal 2 is not that"),
    "all seals are removed": (drop, f"{SEALS} 0: no seal of the log is signed with this key"),
}


@pytest.mark.parametrize("case", FORGED)
def test_whatever_is_made_of_signed_seals_without_the_key_is_found(
    signed: Queue, public: str, forger: Forger, case: str
) -> None:
    forge, words = FORGED[case]

    forge(forger)

    found = said(signed, public)
    assert [line for line in found if line.startswith(words)], found


def test_what_was_altered_with_all_hashes_and_views_is_found_by_the_key_alone(
    signed: Queue, public: str, forger: Forger
) -> None:
    forger.alter("job-job-1", 1, actor="mallory")
    signed.rebuild_views()

    assert "job-job-1" in {line.split()[0] for line in said(signed, public)}


def test_what_is_signed_goes_on_as_signed_and_with_another_key_only_where_a_person_says_so(
    signed: Queue, ground: Ground, tmp_path: Path
) -> None:
    other = create(str(tmp_path / "other.key"))
    signed.enqueue(command="true")
    now = majority_time(ground.database)

    for sealer in (Sealer(ground, "loop"), Sealer(ground, "loop", other)):
        with pytest.raises(Refused, match="is signed with key"):
            sealer.step(now)
        sealer.check()  # which is none of the log's faults
    assert len(ours(ground)) == 3

    seal = Sealer(ground, "ann", other, may_take_over=True).step(now)

    assert seal is not None
    assert (seal.number, seal.key) == (4, other.public)


def test_what_breaks_a_rule_and_a_seal_is_told_once(signed: Queue, ground: Ground) -> None:
    ground.database["events"].update_one({"_id": {"stream": "job-job-1", "version": 1}}, {"$set": {"actor": "mallory"}})

    (found,) = [one for one in signed.verify_all().findings if "not that of its bytes" in one.problem]

    assert (found.stream, found.version, found.is_sealed) == ("job-job-1", 1, True)


def test_an_unsigned_seal_behind_signed_ones_is_forged_whoever_looks(
    signed: Queue, ground: Ground, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed.enqueue(command="true")
    with monkeypatch.context() as patched:
        patched.setattr(Sealer, "_check_key", lambda *_: None)
        assert list(Sealer(ground, "mallory").seal_all())
    signed.enqueue(command="true")

    for sealer in (Sealer(ground, "loop"), Sealer(ground, "loop", signer)):
        with pytest.raises(LogCorrupt, match="not signed, though one before it was"):
            sealer.step(majority_time(ground.database))
    assert any("seal 4 is not signed, though seal 3 was" in one.problem for one in signed.verify_all().findings)


def test_a_seal_behind_signed_ones_must_be_signed_too(
    signed: Queue, public: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed.enqueue(command="true")
    monkeypatch.setattr(Sealer, "_check_key", lambda *_: None)  # ours makes none
    Sealer(ground, "somebody").step(majority_time(ground.database))

    assert any("seal 4 is not signed" in line for line in said(signed, public))


def test_a_key_that_signed_nothing_proves_nothing(signed: Queue, tmp_path: Path) -> None:
    other = create(str(tmp_path / "other.key")).public.hex()

    verdict = signed.verify_all(key=other)

    assert [one.problem for one in verdict.findings] == ["no seal of the log is signed with this key"]
    assert not verdict.is_of_views_alone
    assert verdict.against == ()


def test_seals_that_were_kept_must_be_signed_too(signed: Queue, public: str, ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "seals.jsonl"
    first, second, third = ours(ground)
    path.write_bytes(b"".join(map(encode, (first, second, third))))
    assert said(signed, public, against=str(path)) == []

    path.write_bytes(b"".join(map(encode, (first, second, replace(third, signature=None)))))

    assert said(signed, public, against=str(path)) == [
        f"{SEALS} 3: seal 3 is not signed, as it was kept; seal 2 was signed with this key, and so must be all after it"
    ]


def test_what_came_behind_the_last_seal_that_was_kept_is_held_against_the_logs_own(
    signed: Queue, public: str, ground: Ground, forger: Forger, tmp_path: Path
) -> None:
    path = tmp_path / "seals.jsonl"
    path.write_bytes(encode(ours(ground)[0]))

    forger.alter("job-job-3", 1, actor="mallory")
    signed.rebuild_views()

    assert "job-job-3" in {line.split()[0] for line in said(signed, public, against=str(path))}


def test_a_seal_that_is_not_signed_by_the_key_that_it_names_is_found_without_any_key(
    signed: Queue, forger: Forger
) -> None:
    altering(3, signature=bytes(64))(forger)

    problems = [one.problem for one in signed.verify_all().findings]
    assert "seal 3 was forged: it is not signed by the key that it names" in problems


def test_in_what_order_seals_were_signed_is_kept_in_mind(ground: Ground, signed: Queue, signer: Signer) -> None:
    signatures = Signatures(signer.public)

    assert list(signatures.of_log(ours(ground))) == []
    assert (signatures.first, signatures.last) == (ours(ground)[1], ours(ground)[2])


@pytest.mark.parametrize("given", ["", "abc", "g" * 64, "/nowhere", "."])
def test_what_is_no_public_key_is_refused(signed: Queue, given: str) -> None:
    with pytest.raises(InvalidInput, match="must be a public key"):
        signed.verify_all(key=given)


def test_a_public_key_may_be_in_a_file_and_a_private_one_is_not_quoted(
    signed: Queue, public: str, tmp_path: Path
) -> None:
    path = tmp_path / "seal.pub"
    path.write_text(f"{public}\n")

    assert signed.verify_all(key=str(path)).findings == ()
    with pytest.raises(InvalidInput) as refused:
        signed.verify_all(key=str(tmp_path / "seal.key"))
    assert "PRIVATE" not in str(refused.value)


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: {**document, "data": {"number": "two"}},
        lambda document: {**document, "type": "of tomorrow"},
        lambda document: {**document, "type": "resumed", "data": {}},
        lambda document: {**document, "_id": {"stream": SEALS, "version": "four"}},
    ],
    ids=["data", "type", "category", "version"],
)
def test_junk_behind_the_seals_hides_nothing_of_what_they_prove(
    signed: Queue, ground: Ground, forger: Forger, tmp_path: Path, spoil: Callable[[Document], Document], is_kept: bool
) -> None:
    path = tmp_path / "seals.jsonl"
    path.write_bytes(b"".join(map(encode, ours(ground))))
    forger.alter("job-job-1", 1, actor="mallory")
    junk = spoil({**forger.history(SEALS)[-1], "_id": {"stream": SEALS, "version": 4}})
    ground.database["events"].insert_one(junk, bypass_document_validation=True)
    signed.rebuild_views()

    found = signed.verify_all(against=str(path) if is_kept else None).findings

    assert "job-job-1" in {one.stream for one in found}
    assert any(SEALS in one.stream for one in found)  # where it stands at no version it is named by its `_id`
