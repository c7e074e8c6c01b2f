"""The tree against RFC 6962 as it is written there, and its proofs against the ways to get them wrong."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency,
    inclusion,
    leaf_hash,
    root_by_inclusion,
    roots,
    roots_by_consistency,
)

LEAVES = [b"leaf %d" % number for number in range(130)]
HASHES = [leaf_hash(one) for one in LEAVES]

sizes = st.integers(1, len(LEAVES))


# As section 2.1 of RFC 6962 has it, with D as a list and no cleverness.


def mth(d: Sequence[bytes]) -> bytes:
    if len(d) == 0:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = largest_power_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Sequence[bytes]) -> list[bytes]:
    if len(d) == 1:
        return []
    k = largest_power_below(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: Sequence[bytes], is_known: bool) -> list[bytes]:
    if m == len(d):
        return [] if is_known else [mth(d)]
    k = largest_power_below(len(d))
    return [*subproof(m, d[:k], is_known), mth(d[k:])] if m <= k else [*subproof(m - k, d[k:], False), mth(d[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@given(sizes)
def test_the_root_is_that_of_the_standard(size: int) -> None:
    assert Tree().plus(HASHES[:size]).root == mth(LEAVES[:size])


def test_a_tree_without_leaves_has_the_root_that_the_standard_gives_it() -> None:
    assert Tree().root == EMPTY_ROOT == mth([])


@given(sizes, st.data())
def test_a_tree_grows_from_its_peaks_alone(size: int, data: st.DataObject) -> None:
    before = Tree().plus(HASHES[: data.draw(st.integers(0, size))])

    grown = Tree(before.size, before.peaks).plus(HASHES[before.size : size])

    assert grown == Tree().plus(HASHES[:size])
    assert len(grown.peaks) == size.bit_count()


@given(sizes, st.data())
def test_an_inclusion_proof_is_that_of_the_standard_and_leads_to_the_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))

    proof = roots(inclusion(index, size), HASHES[:size])

    assert proof == path(index, LEAVES[:size])
    assert root_by_inclusion(HASHES[index], index, size, proof) == mth(LEAVES[:size])


@given(sizes, st.data())
def test_a_consistency_proof_is_that_of_the_standard_and_leads_to_both_roots(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    both = mth(LEAVES[:old]), mth(LEAVES[:size])

    proof = roots(consistency(old, size), HASHES[:size])

    assert proof == subproof(old, LEAVES[:size], True)
    assert roots_by_consistency(old, size, both[0], proof) == both


@given(st.integers(2, len(LEAVES)), st.data())
def test_an_inclusion_proof_proves_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = path(index, LEAVES[:size]), mth(LEAVES[:size])
    wrong = data.draw(st.integers(0, len(proof) - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))

    assert root_by_inclusion(HASHES[index], index, size, [*proof[:wrong], bytes(32), *proof[wrong + 1 :]]) != root
    assert root_by_inclusion(HASHES[index], index, size, proof[:-1]) is None
    assert root_by_inclusion(HASHES[index], index, size, [*proof, root]) is None
    assert root_by_inclusion(HASHES[other], index, size, proof) != root
    assert root_by_inclusion(HASHES[index], other, size, proof) != root


@given(st.integers(2, len(LEAVES)), st.data())
def test_a_consistency_proof_proves_nothing_else(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    proof, both = subproof(old, LEAVES[:size], True), (mth(LEAVES[:old]), mth(LEAVES[:size]))
    wrong = data.draw(st.integers(0, len(proof) - 1))

    assert roots_by_consistency(old, size, both[0], [*proof[:wrong], bytes(32), *proof[wrong + 1 :]]) != both
    assert roots_by_consistency(old, size, both[0], proof[:-1]) is None
    altered = mth([b"another", *LEAVES[1:old]])
    assert roots_by_consistency(old, size, altered, proof) != (altered, both[1])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, 2**63), (2**200, 2**201)])
def test_what_no_tree_can_have_is_no_proof(index: int, size: int) -> None:
    assert root_by_inclusion(HASHES[0], index, size, []) is None
    assert roots_by_consistency(0, size, HASHES[0], []) is None
    assert roots_by_consistency(size + 1, size, HASHES[0], []) is None
