"""What comes with an act, message by message: a form that has come whole, or nothing is done."""

import asyncio
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Message, Scope

from eventqueue.web.entry.bodies import BODY_MAX, FORM, Refusal, read

WHOLE = {"type": "http.request", "body": b"why=all", "more_body": False}
PART = {"type": "http.request", "body": b"why=a", "more_body": True}
GONE = {"type": "http.disconnect"}


def asked(messages: Iterable[Message], headers: dict[str, str]) -> tuple[Refusal | None, Scope]:
    """Return what is said to who sends this, and the scope after it."""
    scope: Scope = {}
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    return asyncio.run(read(scope, Headers(headers), receive)), scope


def test_a_form_of_which_the_rest_did_not_come_is_no_form() -> None:
    form = {"content-type": FORM, "content-length": "7"}

    refused, scope = asked([PART, GONE], form)

    assert refused is not None
    assert refused[0] == 400
    assert "body" not in scope
    assert asked([WHOLE], form) == (None, {"body": b"why=all"})


def test_what_comes_without_a_length_is_a_form_all_the_same() -> None:
    chunked = {"transfer-encoding": "chunked"}

    for kind, status in ((FORM, None), (f"{FORM}; charset=utf-8", None), ("application/json", 415), ("", 415)):
        refused, _ = asked([WHOLE], chunked | {"content-type": kind})

        assert (refused and refused[0]) == status


def test_of_what_is_too_long_it_is_told_how_long_it_may_be_whether_its_length_is_said_before_or_not() -> None:
    form = {"content-type": FORM}
    edge = {"type": "http.request", "body": b"x" * BODY_MAX, "more_body": False}
    long = {"type": "http.request", "body": b"x" * (BODY_MAX + 1), "more_body": False}

    for headers, sent in (({"content-length": str(BODY_MAX + 1)}, WHOLE), ({"transfer-encoding": "chunked"}, long)):
        refused, scope = asked([sent], form | headers)

        assert refused is not None
        assert (refused[0], "body" in scope) == (413, False)
        assert "100,000 bytes" in refused[1]
    assert asked([edge], form | {"content-length": str(BODY_MAX)})[0] is None
