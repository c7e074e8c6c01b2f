"""Proofs that are checked without a database: that a stream was sealed as it is, and that one seal continues another.

A proof is a JSON document. What it proves is the stream's last event as sealed, by its hash. Those before it follow by
their own bytes, as an export has them: each names the hash of the one before. Pure.
"""

from collections.abc import Iterable, Sequence

import msgspec

from eventqueue.audit import merkle
from eventqueue.audit.leaves import Leaf
from eventqueue.audit.seals import Count, Hex, Line, Place, Seal, line_of
from eventqueue.errors import NotProven


class Inclusion(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="inclusion", tag_field="kind"
):
    """That `stream` stood at `version`, with this `hash`, when `seal` was made: leaf `index` of its tree."""

    stream: str
    version: Place
    hash: Hex
    index: Count
    path: tuple[Hex, ...]  # from the leaf upwards
    seal: Line


class Consistency(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="consistency", tag_field="kind"
):
    """That all that `old` has sealed is in `new`, unaltered, in the same order."""

    old: Line
    new: Line
    path: tuple[Hex, ...]


Proof = Inclusion | Consistency


def inclusion(leaf: Leaf, index: int, path: Iterable[bytes], seal: Seal) -> Inclusion:
    """Return the proof of a leaf."""
    return Inclusion(
        stream=leaf.stream,
        version=leaf.version,
        hash=leaf.hash.hex(),
        index=index,
        path=tuple(one.hex() for one in path),
        seal=line_of(seal),
    )


def consistency(old: Seal, new: Seal, path: Iterable[bytes]) -> Consistency:
    """Return the proof that `new` continues `old`."""
    return Consistency(old=line_of(old), new=line_of(new), path=tuple(one.hex() for one in path))


def read(document: bytes) -> Proof:
    """Return the proof in a document. Raises NotProven for one that holds none."""
    try:
        proof: Proof = msgspec.json.decode(document, type=Proof)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotProven(f"This is no proof that `queuectl audit prove` has made: {error}.") from None
    return proof


def check(proof: Proof) -> Sequence[Seal]:
    """Return the seals that a proof is about, if it holds; whether they are to be trusted is not looked at here.

    Raises NotProven, or BadSeals for a seal that was altered.
    """
    try:
        return [_check_inclusion(proof)] if isinstance(proof, Inclusion) else _check_consistency(proof)
    except ValueError as error:  # a date, or a name, that is none
        raise NotProven(f"The proof cannot be read: {error}.") from None


def _check_inclusion(proof: Inclusion) -> Seal:
    seal = proof.seal.seal
    leaf = Leaf(proof.stream, proof.version, bytes.fromhex(proof.hash))
    root = merkle.root_by_inclusion(merkle.leaf_hash(leaf.data), proof.index, seal.size, _path(proof))
    if root != seal.root:
        raise NotProven(f"The proof does not lead from {proof.stream} version {proof.version} to seal {seal.number}.")
    return seal


def _check_consistency(proof: Consistency) -> Sequence[Seal]:
    old, new = proof.old.seal, proof.new.seal
    found = merkle.roots_by_consistency(old.size, new.size, old.root, _path(proof))
    if old.log != new.log or found != (old.root, new.root):
        raise NotProven(f"The proof does not lead from seal {old.number} to seal {new.number}.")
    return [old, new]


def _path(proof: Proof) -> list[bytes]:
    return [bytes.fromhex(one) for one in proof.path]
