"""The Merkle tree of RFC 6962 (section 2.1) over leaves that are only ever added: roots, and proofs of two kinds. Pure.

A tree of n leaves splits left-heavy, at the largest power of two below n. So what it consists of is known by n alone:
a proof is a list of ranges of leaves, and each range's root is made in one pass over the leaves, in flat memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import msgspec

EMPTY_ROOT = sha256().digest()
SIZE_MAX = 2**62  # leaves: whatever a document says, no proof is deeper than this
HASH_BYTES = 32

Range = tuple[int, int]
"""Leaves from the first on, up to but without the second."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


class Tree(msgspec.Struct, frozen=True, gc=False):
    """As much of a tree as adding leaves needs: how many there are, and the roots of its perfect subtrees.

    These are as many as `size` has bits that are set, the largest and leftmost first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def plus(self, hashes: Iterable[bytes]) -> "Tree":
        """Return the tree with the leaves of these hashes added."""
        size, peaks = self.size, list(self.peaks)
        for one in hashes:
            peaks.append(one)
            full = size
            while full & 1:
                right = peaks.pop()
                peaks.append(node_hash(peaks.pop(), right))
                full >>= 1
            size += 1
        return Tree(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The root over all leaves."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def split(size: int) -> int:
    """Return how many of `size` leaves (two at least) are on the left: the largest power of two below."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion(index: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that leaf `index` is in a tree of `size` leaves, from the leaf upwards."""
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency(old: int, size: int) -> list[Range]:
    """Return the ranges whose roots prove that the first `old` of `size` leaves are a tree that was there before."""
    path: list[Range] = []
    start, end, is_whole = 0, size, True
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, is_whole = middle, False
    return ([] if is_whole else [(start, end)]) + path[::-1]


def roots(ranges: Sequence[Range], hashes: Iterable[bytes]) -> list[bytes]:
    """Return the root of each range, of ranges that do not overlap, from the hashes of all leaves in order."""
    found: dict[Range, bytes] = {}
    leaves = enumerate(hashes)
    for start, end in sorted(ranges):
        found[start, end] = Tree().plus(_between(leaves, start, end)).root
    return [found[one] for one in ranges]


def _between(leaves: Iterator[tuple[int, bytes]], start: int, end: int) -> Iterator[bytes]:
    for place, one in leaves:
        if place >= start:
            yield one
        if place + 1 == end:
            return


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root of a tree of `size` leaves that a proof leads to from a leaf's hash; None for no such proof."""
    if not 0 <= index < size <= SIZE_MAX or len(path) != len(ranges := inclusion(index, size)):
        return None
    root = leaf
    for (start, _), sibling in zip(ranges, path, strict=True):
        root = node_hash(sibling, root) if start < index else node_hash(root, sibling)
    return root


def roots_by_consistency(old: int, size: int, old_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the roots, of the first `old` and of all `size` leaves, that a proof leads to; None for no such proof.

    It proves something if they are the two that are known.
    """
    if not 0 < old <= size <= SIZE_MAX or len(path) != len(ranges := consistency(old, size)):
        return None
    # The way upwards begins at the old tree's root, where it is whole in the new one; else at the first range.
    is_whole = not ranges or ranges[0][0] >= old
    first = old_root if is_whole else path[0]
    old_found = new_found = first
    begin = 0 if is_whole else 1
    for (start, _), sibling in zip(ranges[begin:], path[begin:], strict=True):
        if start < old:
            old_found, new_found = node_hash(sibling, old_found), node_hash(sibling, new_found)
        else:
            new_found = node_hash(new_found, sibling)
    return old_found, new_found
