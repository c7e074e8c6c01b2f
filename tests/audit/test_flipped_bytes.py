"""Whatever single byte of a stored event is another one, the audit says so: but for `ts`, which no hash protects."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventqueue.audit.rules import Finding, check, stored
from eventqueue.errors import InvalidInput
from eventqueue.model.codec import check_data
from eventqueue.model.events import Event, Released
from tests.builders import (
    BEFORE,
    CANCELLED,
    COMPLETED,
    DEAD_LETTERED,
    RETRIED_BY_OPERATOR,
    USED_UP_FAILURE,
    claimed,
    enqueued,
    failed,
    json_objects,
    sealed,
)

TRIES: st.SearchStrategy[list[Event]] = st.lists(
    st.sampled_from([[claimed(), Released(reason="graceful stop", due_at=BEFORE)], [CANCELLED, RETRIED_BY_OPERATOR]])
).map(lambda parts: [event for part in parts for event in part])
ENDS: st.SearchStrategy[list[Event]] = st.sampled_from(
    [
        [],
        [claimed()],
        [claimed(), COMPLETED],
        [claimed(), failed()],
        [claimed(), USED_UP_FAILURE, DEAD_LETTERED],
        [CANCELLED],
    ]
)


def is_let_in(meta: dict[str, Any]) -> bool:
    try:
        check_data(meta, "meta")
    except InvalidInput:
        return False
    return True


def taken(raw: bytes, second: int) -> bytes:
    """Return a stored event as a log that took it then has it."""
    return raw[:-48] + second.to_bytes(4, "little") + raw[-44:]


def findings(history: list[bytes]) -> list[Finding]:
    return list(check("job-one", map(stored, history)))


@settings(max_examples=150)
@given(tries=TRIES, end=ENDS, meta=json_objects.filter(is_let_in), chance=st.randoms(use_true_random=False))
def test_a_flipped_byte_is_found_wherever_it_is(
    tries: list[Event], end: list[Event], meta: dict[str, Any], chance: Random
) -> None:
    history = [taken(one.raw, place) for place, one in enumerate(sealed(enqueued(meta=meta), *tries, *end), start=1)]
    assert findings(history) == []
    which = chance.randrange(len(history))
    raw = history[which]
    time_of_log = range(len(raw) - 56, len(raw) - 44)  # its element

    for place in chance.sample(range(len(raw)), min(20, len(raw))):
        if place not in time_of_log:
            flipped = raw[:place] + bytes([raw[place] ^ 1 << chance.randrange(8)]) + raw[place + 1 :]
            assert findings([*history[:which], flipped, *history[which + 1 :]]), (which, place)
