"""Which clients are of this queue's cluster: what is asked is answered here as members of a replica set would."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo.write_concern import WriteConcern

from eventqueue.errors import InvalidInput
from eventqueue.mongo.joining import MongoJoining
from eventqueue.ports.footing import Footing

LOG = "the log's id"


class Client:
    """Of the application's; `members` are those that its servers tell of."""

    def __init__(self, members: Callable[[], list[str]]) -> None:
        self.admin = self
        self._members = members

    def command(self, command: str | dict[str, Any], **_: Any) -> dict[str, Any]:
        if "find" in command:
            return {"cursor": {"firstBatch": [{"log": LOG}]}}
        return {"setName": "rs0", "hosts": self._members()}

    def __getitem__(self, _: str) -> "Client":
        return self


def joining(members: Callable[[], list[str]]) -> MongoJoining:
    database = SimpleNamespace(name="app", client=Client(members))
    return MongoJoining(cast("Footing", SimpleNamespace(database=database, log_id=LOG)))


def session(client: Client) -> Any:
    opts = SimpleNamespace(write_concern=WriteConcern("majority"))
    return SimpleNamespace(client=client, in_transaction=True, _transaction=SimpleNamespace(opts=opts))


def test_a_client_of_a_cluster_that_has_other_members_by_now_is_one_of_it_still() -> None:
    members = ["a:27017"]
    here = joining(lambda: members)
    here.append(session(Client(lambda: members)), [])

    members = ["b:27017", "c:27017"]

    here.append(session(Client(lambda: members)), [])
    with pytest.raises(InvalidInput, match=r"^session: is of another cluster"):
        here.append(session(Client(lambda: ["a:27017"])), [])


def test_of_a_client_that_is_known_nothing_is_asked() -> None:
    asked = 0

    def members() -> list[str]:
        nonlocal asked
        asked += 1
        return ["a:27017"]

    here, one = joining(members), Client(members)
    here.append(session(one), [])
    before = asked

    here.append(session(one), [])

    assert asked == before
