"""Servers that cannot be used: one sentence, exit code 1, and soon; passwords never shown."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from os import environ
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from eventqueue.server.locate import locate
from tests.cli.commands import Queuectl, is_one_sentence

SECRET = "s3cret-word"
DRIVERS_OWN_S = 30  # for which it would look for a server; five are asked for, however busy the machine


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A loopback port that nobody listens on, and nobody can while the tests run."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture(scope="module")
def standalone() -> Iterator[str]:
    """A mongod that is in no replica set."""
    home = Path(tempfile.mkdtemp(prefix="eq-"))
    path = str(home / "mongod.sock")
    where = ["--dbpath", str(home), "--bind_ip", path, "--nounixsocket", "--logpath", str(home / "log")]
    mongod = subprocess.Popen([locate(environ), *where, "--wiredTigerCacheSizeGB", "0.25"], stdout=subprocess.DEVNULL)
    uri = f"mongodb://{quote_plus(path)}"
    try:
        _await(uri)
        yield uri
    finally:
        mongod.terminate()
        mongod.wait()
        shutil.rmtree(home)


def _await(uri: str) -> None:
    """Return once the server answers; the driver itself waits for it."""
    for _ in range(3):
        try:
            with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=10_000) as client:
                client.admin.command("ping")
                return
        except PyMongoError:
            continue
    raise AssertionError("the standalone server did not answer")


def test_an_unreachable_server_is_told_sooner_than_the_driver_would(shared: Queuectl, closed_port: int) -> None:
    began = time.monotonic()

    ran = shared.process("--uri", f"mongodb://127.0.0.1:{closed_port}", "enqueue", '{"command": "true"}')

    assert ran.code == 1
    assert is_one_sentence(ran), ran
    assert "cannot be reached" in ran.err
    assert time.monotonic() - began < DRIVERS_OWN_S


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.connect.FIND_SERVER_MS", 100)


@pytest.mark.usefixtures("hurried")
def test_the_doctor_tells_an_unreachable_server_too(shared: Queuectl, closed_port: int) -> None:
    ran = shared.with_environ(QUEUECTL_URI=f"mongodb://user:{SECRET}@127.0.0.1:{closed_port}").here("doctor", "--json")

    assert ran.code == 1
    assert [(check["name"], bool(check["remedy"])) for check in ran.json["checks"]] == [("connection", True)]
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("command", [("enqueue", "--", "true"), ("status",), ("worker", "start")], ids=" ".join)
def test_a_standalone_server_is_refused_with_the_way_to_mend_it(
    shared: Queuectl, standalone: str, command: tuple[str, ...]
) -> None:
    ran = shared.process("--uri", standalone, *command)

    assert ran.code == 1
    assert is_one_sentence(ran), ran
    assert "--replSet" in ran.err
    with MongoClient[dict[str, object]](standalone) as client:
        assert set(client.list_database_names()) <= {"admin", "config", "local"}


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", "a\\b", 'a"b', "$a", "x" * 64, "caf\u00e9" * 20, "\udcff"])
def test_a_database_name_that_mongodb_refuses_is_refused(shared: Queuectl, name: str) -> None:
    ran = shared.here("--db", name, "enqueue", '{"command": "true"}')

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert "--db" in ran.err


def test_a_bad_database_name_is_refused_by_the_process_too(shared: Queuectl) -> None:
    ran = shared.process("enqueue", '{"command": "true"}', "--db", "a/b")

    assert ran.code == 2
    assert is_one_sentence(ran), ran


def test_an_empty_uri_is_none(shared: Queuectl) -> None:
    ran = shared.here("--uri", "", "status")

    assert (ran.code, is_one_sentence(ran)) == (2, True)
    assert "--uri: " in ran.err


@pytest.mark.parametrize(
    "uri",
    [
        *("http://127.0.0.1", "mongodb://", "mongodb://127.0.0.1:port", "mongodb://127.0.0.1:99999"),
        *("mongodb://127.0.0.1/?w=many&replicaSet", "mongodb://\udcff"),
        f"mongodb://user:{SECRET}@",
        f"mongodb://a:{SECRET}@b@127.0.0.1/",
        f"mongodb://user:{SECRET}/x@127.0.0.1/?timeoutMS=1",
    ],
)
def test_a_uri_that_is_none_is_refused_without_its_password(shared: Queuectl, uri: str) -> None:
    ran = shared.with_environ(QUEUECTL_URI=uri).here("status")

    assert ran.code == (2 if "\udcff" in uri else 1)
    assert is_one_sentence(ran), ran
    assert "uri" in ran.err
    assert SECRET not in ran.err


@pytest.mark.usefixtures("hurried")
def test_not_even_a_traceback_that_was_asked_for_shows_a_password(shared: Queuectl, closed_port: int) -> None:
    uri = f"mongodb://user:{SECRET}@127.0.0.1:{closed_port}"

    ran = shared.with_environ(QUEUECTL_DEBUG="1", QUEUECTL_URI=uri).here("status")

    assert ran.code == 1
    assert "Traceback" in ran.err
    assert SECRET not in ran.err


def test_wrong_credentials_are_told(shared: Queuectl) -> None:
    uri = shared.environ["QUEUECTL_URI"].replace("mongodb://", f"mongodb://nobody:{SECRET}@")

    ran = shared.with_environ(QUEUECTL_URI=uri).here("status")

    assert ran.code == 1
    assert is_one_sentence(ran), ran
    assert "refused access" in ran.err
    assert SECRET not in ran.err


def test_an_unknown_option_in_the_uri_is_a_note(shared: Queuectl) -> None:
    ran = shared.process("--uri", shared.environ["QUEUECTL_URI"] + "&colour=red", "list", "--json")

    assert (ran.code, ran.json) == (0, [])
    assert ran.err.startswith("! ")
    assert "option" in ran.err.lower()  # newer drivers do not say which, as its value may be a secret
    assert ran.err.count("\n") == 1
