"""What the connected user may do on the log, as the server tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pymongo import MongoClient
from pymongo.database import Database

NEEDED = frozenset({"find", "insert"})
FORBIDDEN = frozenset({"update", "remove", "dropCollection"})


class Rights(msgspec.Struct, frozen=True):
    """What `user` may do on the log; the sets hold MongoDB's names of actions."""

    user: str
    allowed: frozenset[str]

    @property
    def missing(self) -> frozenset[str]:
        """What an eventqueue's user must be able to do, and this one cannot."""
        return NEEDED - self.allowed

    @property
    def excess(self) -> frozenset[str]:
        """What nobody should be able to do to a log, and this user can."""
        return FORBIDDEN & self.allowed


def rights_on_log(database: Database[Any]) -> Rights | None:
    """Return the user's rights on the log of `database`, None where access control is off. Asks the server once."""
    about = database.client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    if not about["authenticatedUsers"]:
        return None
    allowed = actions_on(about["authenticatedUserPrivileges"], database.name, "events")
    return Rights(about["authenticatedUsers"][0]["user"], frozenset(allowed))


def user_of(client: MongoClient[Any]) -> str | None:
    """Return as whom the server knows this client, such as `app@admin`; None where access control is off."""
    users = client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
    return ",".join(f"{one['user']}@{one['db']}" for one in users) or None


def actions_on(privileges: Sequence[Mapping[str, Any]], db: str, collection: str) -> set[str]:
    """Return what MongoDB's `privileges` allow on one collection."""
    return {
        action
        for privilege in privileges
        if _covers(privilege["resource"], db, collection)
        for action in privilege["actions"]
    }


def _covers(resource: Mapping[str, Any], db: str, collection: str) -> bool:
    if resource.get("anyResource"):
        return True
    return resource.get("db") in ("", db) and resource.get("collection") in ("", collection)
