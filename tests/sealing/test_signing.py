"""Keys: made for their owner alone, refused where others read them, and told to nobody."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import SEALS, Seal
from eventqueue.errors import BadKey, NotProven
from eventqueue.mongo.ground import Ground
from eventqueue.sealing import stored
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signing import Signer, check_signature, create, load
from tests.sealing.forger import Forger


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "seal.key")


@pytest.fixture
def signer(path: str) -> Signer:
    return create(path)


@pytest.fixture
def signed(queue: Queue, ground: Ground, signer: Signer) -> Seal:
    queue.enqueue(command="true", id="a")
    (seal,) = Sealer(ground, "test", signer).seal_all()
    return seal


def test_a_key_is_its_owners_alone_and_comes_back_from_its_file(path: str, signer: Signer) -> None:
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert load(path).public == signer.public


def test_a_key_is_never_overwritten(path: str, signer: Signer) -> None:
    with pytest.raises(BadKey, match="is there already"):
        create(path)

    assert load(path).public == signer.public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_that_others_can_reach_is_refused(path: str, signer: Signer, mode: int) -> None:
    os.chmod(path, mode)

    with pytest.raises(BadKey, match=f"chmod 600 {path}"):
        load(path)


def test_a_key_that_belongs_to_somebody_else_is_refused(
    path: str, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    with pytest.raises(BadKey, match=f"belongs to the user with id {mine}"):
        load(path)


def encrypted() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


def of_another_kind() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"s3cret", b"\xff" * 100, encrypted(), of_another_kind()],
    ids=["empty", "text", "bytes", "", "rsa"],
)
def test_what_is_no_key_is_refused_and_not_quoted(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    os.chmod(path, 0o600)

    with pytest.raises(BadKey, match="holds no Ed25519 key") as refused:
        load(path)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("place", ["nowhere", "nowhere/key", "."])
def test_a_key_that_is_not_there_is_a_sentence(tmp_path: Path, place: str) -> None:
    with pytest.raises(BadKey, match="cannot be read"):
        load(str(tmp_path / place))


def test_a_seal_is_signed_with_the_key_that_it_names(signed: Seal, signer: Signer) -> None:
    check_signature(signed, signer.public)

    assert signed.key == signer.public
    ed25519.Ed25519PublicKey.from_public_bytes(signer.public).verify(signed.signature or b"", signed.statement)


def test_a_seal_that_is_not_signed_so_is_refused(signed: Seal, signer: Signer, tmp_path: Path) -> None:
    other = create(str(tmp_path / "other.key"))
    forged = replace(signed, events=signed.events + 1)

    for seal, public, why in (
        (replace(signed, signature=None), signer.public, "is not signed"),
        (signed, other.public, "is signed with another key"),
        (forged, signer.public, "is not that of what it states"),
        (replace(forged, signature=other.sign(forged.statement)), signer.public, "is not that of what it states"),
    ):
        with pytest.raises(NotProven, match=why):
            check_signature(seal, public)


def test_who_signs_makes_no_seal_behind_one_of_his_that_he_did_not_sign(
    queue: Queue, ground: Ground, signed: Seal, signer: Signer
) -> None:
    forger = Forger(ground)
    forger.alter(SEALS, 1, data={**forger.history(SEALS)[0]["data"], "events": 7})
    queue.enqueue(command="true")

    with pytest.raises(NotProven, match="The signature of seal 1"):
        list(Sealer(ground, "test", signer).seal_all())


def test_the_private_key_is_in_no_event(ground: Ground, signed: Seal, path: str) -> None:
    private = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)

    assert all(private.private_bytes_raw() not in raw for raw in ground.log.read_raw(SEALS))
    assert stored.seal_number(ground.log, 1).seal == signed
