"""What is installed: by the scripts nothing but what is named by hash; and of others' inner parts a few are used."""

import ast
import atexit
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database

from eventqueue.connect import open_client
from eventqueue.mongo.connections import renew
from projections.keeping.tail import token_now

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKED = ("embedded", "embedded,test", "embedded,test,check")

# Attribute -> whose it is. Who adds one here gives its owner an upper bound in pyproject.toml.
PRIVATE = dict.fromkeys(("_post_batch_resume_token", "_transaction", "_topology", "_servers"), "pymongo")
# Python's own: what a process that ends at once is to do first has no public name; multiprocessing calls it, too.
PYTHONS = {"_run_exitfuncs"}


def locked(extras: str) -> dict[str, Requirement]:
    """What the scripts install for these extras, by name; fails on a line that is not a release with hashes."""
    lines = (ROOT / "scripts" / "locked" / f"{extras}.txt").read_text().replace("\\\n", "").splitlines()
    found = [re.fullmatch(r"(\S+==\S+(?: ; [^-]+?)?)(?: +--hash=sha256:[0-9a-f]{64})+ *", line) for line in lines]
    assert all(found), "a line that is not a release with hashes"
    return {one.name: one for one in (Requirement(match[1]) for match in found if match)}


def wanted(extras: str) -> list[Requirement]:
    optional = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for extra in extras.split(",") for line in optional[extra])]
    return [one for line in lines if (one := Requirement(line)).name != PROJECT["name"]]


@pytest.mark.parametrize("extras", LOCKED)
def test_what_the_scripts_install_is_named_by_hash_and_is_what_the_package_asks_for(extras: str) -> None:
    names = locked(extras)

    for one in wanted(extras):
        (version,) = (specifier.version for specifier in names[one.name].specifier)
        assert one.specifier.contains(version), f"{one} is locked at {version}: run scripts/lock"


def test_a_release_is_the_same_whichever_extras_are_installed() -> None:
    few, more, most = ({str(one) for one in locked(extras).values()} for extras in LOCKED)

    assert few <= more <= most


def test_no_script_installs_anything_else() -> None:
    for script in (path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.name != "lock"):
        for line in re.findall(r"^.*\bpip_?install .*$|^.*-m pip install.*$", script.read_text(), re.MULTILINE):
            assert "--require-hashes" in line or "--no-deps" in line or line.startswith("pip_install()"), line


def private_of_others(source: str) -> Iterator[str]:
    """The attributes with a leading underscore that are taken from something else than `self` or `cls`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls" | "os") | ast.Call(func=ast.Name(id="super"))):
                pass
            case ast.Attribute(attr=name) if name.startswith("_") and not name.startswith("__"):
                yield name


def test_of_others_inner_parts_only_those_are_used_whose_owners_have_an_upper_bound() -> None:
    files = [path for package in ("eventqueue", "projections") for path in (ROOT / package).rglob("*.py")]

    assert {name for path in files for name in private_of_others(path.read_text())} == PRIVATE.keys() | PYTHONS
    bounds = {one.name: {part.operator for part in one.specifier} for one in wanted("embedded")}
    assert all("<" in bounds[owner] for owner in PRIVATE.values())


def test_python_still_has_what_a_process_does_at_its_end() -> None:
    assert callable(atexit._run_exitfuncs)


def test_the_driver_still_tells_how_far_a_batch_of_the_log_reaches(database: Database[dict[str, Any]]) -> None:
    assert set(token_now(database)) == {"_data"}


def test_the_driver_still_lets_the_connections_of_a_client_be_made_anew(server_uri: str) -> None:
    with open_client(server_uri) as client:

        def number() -> Any:
            return client.admin.command("hello")["connectionId"]

        before = number()
        assert number() == before
        renew()

        assert number() != before


def test_the_driver_still_tells_of_a_transaction_what_it_was_begun_with(client: MongoClient[dict[str, Any]]) -> None:
    with client.start_session() as session:
        session.start_transaction(write_concern=WriteConcern("majority"))
        assert session._transaction.opts is not None
        assert session._transaction.opts.write_concern == WriteConcern("majority")
