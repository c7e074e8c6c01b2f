"""What running attempts have written, while somebody looks: the lease of who does, and what a hand has put there."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.model.tails import Tail, Tails
from eventqueue.mongo.watches import TAIL_BYTES, Watches

ONE = "one", 2
OUT, ERR = Tail(b"$until", 6), Tail(b"", 0)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def watches(database: Database[dict[str, Any]]) -> Watches:
    return Watches(database)


def test_nothing_is_sent_where_nobody_looks(watches: Watches) -> None:
    assert not watches.send({ONE: (OUT, ERR)})
    assert watches.read(ONE) is None


def test_who_looks_is_shown_what_was_sent_and_then_what_is_new(watches: Watches) -> None:
    assert not watches.look(ONE)
    assert watches.read(ONE) is None

    assert watches.send({ONE: (OUT, ERR)})
    assert watches.look(ONE)
    assert watches.read(ONE) == Tails(OUT, ERR, 1)
    assert watches.read(ONE, after=1) is None

    assert watches.send({ONE: None})
    assert watches.read(ONE, after=1) is None
    assert watches.send({ONE: (OUT, OUT)})
    assert watches.read(ONE, after=1) == Tails(OUT, OUT, 2)


def test_of_many_each_is_shown_its_own_and_who_is_looked_at_is_told(watches: Watches) -> None:
    many = [(f"job-{number}", 2) for number in range(50)]
    for one in many[::2]:
        watches.look(one)

    assert set(watches.send({one: (Tail(one[0].encode(), 9), ERR) for one in many})) == set(many[::2])
    assert [watches.read(one) for one in many[1::2]] == [None] * 25
    assert all((found := watches.read(one)) and found.stdout.kept == one[0].encode() for one in many[::2])


def test_the_lease_of_who_is_gone_ends_and_begins_anew(watches: Watches, database: Database[dict[str, Any]]) -> None:
    watches.look(ONE)
    assert watches.send({ONE: (OUT, ERR)})

    database["watches"].update_one({}, {"$set": {"until": LONG_AGO, "at": LONG_AGO}})

    assert not watches.send({ONE: (OUT, OUT)})
    assert not watches.send({ONE: None})
    assert not watches.look(ONE)  # its worker has not sent lately
    assert watches.send({ONE: (OUT, OUT)})


def test_the_server_prunes_what_nobody_looks_at(watches: Watches, database: Database[dict[str, Any]]) -> None:
    watches.prepare()

    assert database["watches"].index_information()["kept"]["expireAfterSeconds"] == 60


@pytest.mark.parametrize(
    "odd",
    [
        {"number": "one"},
        {"stdout": 7},
        {"stdout": {"kept": "text", "total": 4}},
        {"stdout": {"kept": b"x" * 2 * TAIL_BYTES, "total": -1}, "stderr": {}},
    ],
)
def test_what_a_hand_has_put_there_shows_nothing_that_was_not_written(
    watches: Watches, database: Database[dict[str, Any]], odd: dict[str, Any]
) -> None:
    watches.look(ONE)
    watches.send({ONE: (OUT, ERR)})
    database["watches"].update_one({}, {"$set": odd})

    found = watches.read(ONE)

    assert found is None or (len(found.stdout.kept) <= min(found.stdout.total, TAIL_BYTES) and found.stderr == ERR)
