"""`--uri`, `--db`, `--json` and `--quiet`: before the command, after it, or in the environment."""

from typing import Any

import pytest
from pymongo import MongoClient

from tests.cli.commands import Queuectl, is_one_sentence


def databases(client: MongoClient[Any], prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in client.list_database_names() if name.startswith(prefix)}


@pytest.mark.parametrize("options", [("--db", "{}_x"), ("--db={}_x",)], ids=["two words", "one word"])
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_an_option_may_stand_before_or_after_the_command(
    queuectl: Queuectl, client: MongoClient[Any], options: tuple[str, ...], place: str
) -> None:
    db = queuectl.environ["QUEUECTL_DB"]
    given = [option.format(db) for option in options]
    words = {
        "before": [*given, "config", "list"],
        "between": ["config", *given, "list"],
        "after": ["config", "list", *given],
    }

    queuectl.ok(*words[place])

    assert databases(client, db) == {"_x"}
    client.drop_database(f"{db}_x")


def test_what_is_nearest_to_the_command_wins(queuectl: Queuectl, client: MongoClient[Any]) -> None:
    db = queuectl.environ["QUEUECTL_DB"]

    queuectl.ok("--db", f"{db}_far", "list", "--db", f"{db}_near")

    assert databases(client, db) == {"_near"}
    client.drop_database(f"{db}_near")


def test_an_option_goes_before_the_environment(queuectl: Queuectl) -> None:
    uri = queuectl.environ["QUEUECTL_URI"]
    elsewhere = queuectl.with_environ(QUEUECTL_URI="mongodb://no.such.host.invalid")

    assert elsewhere.ok("--uri", uri, "list", "--json").json == []
    assert elsewhere.ok("list", "--json", "--uri", uri).json == []


@pytest.mark.parametrize("args", [("--json", "status"), ("status", "--json"), ("--json", "status", "--json")])
def test_json_may_stand_anywhere(shared: Queuectl, args: tuple[str, ...]) -> None:
    assert shared.process(*args).json["pending"] == 0


def test_json_goes_before_quiet(queuectl: Queuectl) -> None:
    assert queuectl.ok("--quiet", "enqueue", "--json", "--id", "a", "--", "true").json["id"] == "a"


def test_quiet_leaves_answers_and_refusals(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert queuectl.ok("--quiet", "list").out.splitlines()[1].startswith("one ")
    assert queuectl.ok("cancel", "one", "--quiet").out == ""
    assert is_one_sentence(queuectl.here("cancel", "two", "--quiet"))
    noteless = queuectl.ok("dlq", "list", "--quiet")
    assert (noteless.out, noteless.err) == ("", "")
