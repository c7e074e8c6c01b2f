"""What a child says is believed only where a child could say it."""

from typing import Any

import pytest

from eventqueue.model.codec import DATA_MAX
from eventqueue.tasks.ending import MESSAGE_MAX
from eventqueue.worker.python.heard import heard
from eventqueue.worker.python.messages import (
    NOT_BEGUN,
    UNKNOWN,
    Began,
    Garbled,
    HandedBack,
    Message,
    Over,
    Progressed,
    encoder,
)
from tests.builders import BOOM

NAN, INFINITE = float("nan"), float("inf")


def over(kind: str = "returned", value: Any = None, duration_s: float = 0.1, **more: Any) -> Over:
    return Over(1, kind, value, duration_s, **more)


SAID: list[Message] = [
    over("returned", {"a": [1, None]}),
    over("returned", "x" * DATA_MAX, tails=(b"x" * 65536, b""), totals=(2**63 - 1, 0)),
    over("raised", (BOOM, True, None)),
    over("raised", (BOOM, False, 3600.0)),
    over("snoozed", 0.5),
    over("discarded", "the order is gone"),
    over(NOT_BEGUN),
    over(UNKNOWN),
    Began([1, 2], 1),
    Began([1, 2]),
    HandedBack([]),
    Progressed(1, 0.5, None, None),
]

FORGED: dict[str, Message] = {
    "no outcome": over("succeeded"),
    "an integer beyond 64 bits": over("returned", 2**64 - 1),
    "bytes": over("returned", b"\xff"),
    "keys that are none": over("returned", {1: 2}),
    "a key with NUL": over("returned", {"a\0b": 1}),
    "a reference": over("returned", {"$ref": "a", "$id": 1}),
    "a NaN": over("returned", [NAN]),
    "a result that is too large": over("returned", "x" * (DATA_MAX + 1)),
    "no error": over("raised", 7),
    "a large error": over("raised", ({"type": "x" * 100_000, "message": ""}, True, None)),
    "an endless delay": over("raised", (BOOM, False, 1e300)),
    "no delay": over("snoozed", "x"),
    "a delay that is no number": over("snoozed", NAN),
    "a delay back": over("snoozed", -1.0),
    "no reason": over("discarded", {"a": 1}),
    "a long reason": over("discarded", "x" * (MESSAGE_MAX + 1)),
    "no duration": over(duration_s=NAN),
    "a duration back": over(duration_s=-1.0),
    "an endless duration": over(duration_s=INFINITE),
    "more printed than can be": over(totals=(2**63, 0)),
    "a tail that is longer than all": over(tails=(b"abc", b""), totals=(2, 0)),
    "a tail that is too long": over(tails=(b"x" * 65537, b""), totals=(65537, 0)),
    "a thread that is none": Began([1], 2),
    "a thread before the first": Began([1], -1),
    "no progress": Progressed(1, NAN, None, None),
    "a long note": Progressed(1, 1.0, None, "x" * 501),
    "no total": Progressed(1, 1.0, INFINITE, None),
}


def very_deep() -> bytes:
    message = encoder.encode(over(value="here"))
    here = encoder.encode("here")
    return message.replace(here, b"\x91" * 100_000 + b"\x90")


@pytest.mark.parametrize("message", SAID, ids=[*map(str, range(len(SAID)))])
def test_what_a_child_says_is_heard(message: Message) -> None:
    assert encoder.encode(heard(encoder.encode(message), threads=2)) == encoder.encode(message)


@pytest.mark.parametrize("message", FORGED.values(), ids=FORGED)
def test_what_no_child_says_is_garbled(message: Message) -> None:
    with pytest.raises(Garbled):
        heard(encoder.encode(message), threads=2)


@pytest.mark.parametrize("frame", [b"", b"\xff", encoder.encode(7), encoder.encode(["over"]), very_deep()], ids=len)
def test_what_is_no_message_is_garbled(frame: bytes) -> None:
    with pytest.raises(Garbled):
        heard(frame, threads=2)
