"""What failures are alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.model.fingerprint import PATTERN, READ_MAX, blanked, fingerprint

ALIKE = {
    "numbers": ("ran longer than its timeout of 30 s", "ran longer than its timeout of 7.5 s"),
    "uuids": (
        "job 0199f3a2-1111-7222-8333-123456789abc is lost",
        "job 0199F3A2-1111-7222-8333-000000000000 is lost",
    ),
    "hex": ("bad object 8fae3c1d22", "bad object 00ffee99aa"),
    "addresses": ("segfault at 0xDEADBEEF", "segfault at 0x1"),
    "paths": ("cannot open /var/log/a.txt: denied", "cannot open ./b/c: denied"),
    "paths of another system": (r"cannot open C:\a\b.txt", r"cannot open D:\c"),
    "urls": ("https://a.example/1?x=2 gave nothing", "http://b.example gave nothing"),
    "hosts": ("connect to 10.0.0.1:5432 refused", "connect to 192.168.2.7:27017 refused"),
    "ids": ("no user user-42", "no user usr_8fK2"),
    "ids without a mark": ("no order 8fK2aQx9", "no order Zz81mmKq4"),
    "times": ("late since 2026-11-28T11:29:07Z", "late since 2027-01-01T00:00:00Z"),
    "blanks": ("no  such\thost", "no such host"),
    "exceptions' values": ("KeyError: 'order-7'", "KeyError: 'order-8'"),
    "exit codes with an error": ("exit code 1: user 42 is gone", "exit code 1: user 7 is gone"),
}
UNLIKE = {
    "words": ("connection refused", "connection reset"),
    "exit codes": ("exit code 1: killed", "exit code 137: killed"),
    "types of exceptions": ("KeyError: 'x'", "LookupError: 'x'"),
    "types of exceptions with digits": ("app2.Error404: gone", "app2.Error500: gone"),
    "types of exceptions that say nothing": ("app.Error404", "app.Error500"),
    "kinds of what is blanked": ("cannot open /tmp/a", "cannot open 42"),
    "words that are hex": ("defaced", "decade"),
    "alternatives": ("read and/or write", "read and write"),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_messages_that_differ_in_these_alone_are_of_one_kind(kind: str) -> None:
    one, other = ALIKE[kind]

    assert blanked(one) == blanked(other)
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize("kind", UNLIKE)
def test_messages_that_differ_in_these_are_of_two(kind: str) -> None:
    one, other = UNLIKE[kind]

    assert fingerprint(one) != fingerprint(other)


@given(st.text())
def test_every_message_has_a_fingerprint_that_can_be_typed(message: str) -> None:
    assert re.fullmatch(PATTERN, fingerprint(message))
    assert fingerprint(message) == fingerprint(message)


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_no_number_makes_a_difference(one: int, other: int) -> None:
    assert blanked(f"row {one} is bad") == blanked(f"row {other} is bad")


def test_of_a_message_without_end_the_beginning_counts() -> None:
    assert fingerprint("x " * READ_MAX) == fingerprint("x " * READ_MAX + "y")
