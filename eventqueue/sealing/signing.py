"""Keys that seals are signed with: Ed25519, by the library `cryptography` (the extra `seal`).

The private key is in a file that its owner alone may read, and nowhere else: not in the database, no log, no error.
"""

import os
import re
import stat
from typing import Any

from eventqueue.audit.seals import Seal
from eventqueue.errors import BadKey, InvalidInput, NotProven
from eventqueue.system import installing

LACKING = "Signed seals need the library `cryptography`: `%s` installs it."
KEY_MAX = 64 * 1024  # bytes of a file that holds a key
_HEX = re.compile("[0-9a-fA-F]{64}")


class Signer:
    """Signs statements with one private key."""

    def __init__(self, private: Any) -> None:
        self._private = private

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        public: bytes = self._private.public_key().public_bytes_raw()
        return public

    def sign(self, statement: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        signature: bytes = self._private.sign(statement)
        return signature


def load(path: str) -> Signer:
    """Return the signer with the key in a file. Raises BadKey for one that is no key, or that others can read."""
    ed25519, serialization = _library()
    content = _read(path)
    try:
        private = serialization.load_pem_private_key(content, None)
    except Exception:  # whatever it is: what the library says may quote the file
        private = None
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise BadKey(f"{path!r} holds no Ed25519 key in PEM without a password: `queuectl audit key FILE` makes one.")
    return Signer(private)


def create(path: str) -> Signer:
    """Make a new key in a file that does not exist yet. Raises BadKey."""
    ed25519, serialization = _library()
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        _keep(path, pem)
    except FileExistsError:
        raise BadKey(f"{path!r} is there already, and a key is never overwritten: name another file.") from None
    except OSError as error:
        raise BadKey(f"The key cannot be kept in {path!r}: {error.strerror}.") from None
    return Signer(private)


def _keep(path: str, pem: bytes) -> None:
    """Write a file that does not exist yet, for its owner alone: whole, or none. Raises OSError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.unlink(path)  # else the next try would be told that there is a key
            raise


def public_key(given: str) -> bytes:
    """Return a public key: 64 hex digits, or a file that holds these and no more. Raises InvalidInput, or BadKey."""
    ed25519, _ = _library()
    try:
        public = bytes.fromhex(given if _HEX.fullmatch(given) else _digits(given))
        ed25519.Ed25519PublicKey.from_public_bytes(public)
    except (OSError, ValueError):  # nothing of it is quoted: it may be the private key's file
        raise InvalidInput(
            "key",
            "must be a public key, 64 hex digits, as `queuectl audit key --quiet` prints it, or a file of it",
        ) from None
    return public


def is_signed(seal: Seal) -> bool | None:
    """Whether a seal that names a key is signed with it; None where the library that could tell is lacking."""
    try:
        check_signature(seal, seal.key or b"")
    except NotProven:
        return False
    except BadKey:
        return None
    return True


def _digits(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(KEY_MAX).decode().strip()


def check_signature(seal: Seal, public: bytes) -> None:
    """Raise NotProven where a seal is not signed with the private key to this public one."""
    ed25519, _ = _library()
    if seal.key is None or seal.signature is None:
        raise NotProven(f"Seal {seal.number} is not signed.")
    if seal.key != public:
        raise NotProven(f"Seal {seal.number} is signed with another key, {seal.key.hex()}.")
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(seal.signature, seal.statement)
    except Exception:  # InvalidSignature, or ValueError for what is no key
        raise NotProven(f"The signature of seal {seal.number} is not that of what it states.") from None


def _read(path: str) -> bytes:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadKey(f"The key in {path!r} cannot be read: {error.strerror}.") from None
    with file:
        about = os.fstat(file.fileno())
        if stat.S_IMODE(about.st_mode) & 0o077:
            raise BadKey(f"Others than its owner can read the key in {path!r}: chmod 600 {path}.")
        if about.st_uid != os.geteuid():
            raise BadKey(f"The key in {path!r} belongs to the user with id {about.st_uid}: it is theirs to sign with.")
        return file.read(KEY_MAX)


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise BadKey(LACKING % installing.command(installing.CRYPTOGRAPHY)) from None
    return ed25519, serialization
