"""The tree of exceptions, and that no message tells a password."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import eventqueue
from eventqueue import errors
from eventqueue.errors import QueueError, has_secret, redact

ROOT = Path(__file__).parents[2]
# spawn.py is the launcher's, which runs on the standard library alone: what is raised there is caught there, as in
# values.py of tasks. What control.py has is raised by users' tasks and caught by what runs them,
# what interrupting.py has is raised in them.
PLACES = {"errors.py", "spawn.py", "values.py", "control.py", "interrupting.py", "messages.py", "times.py"}


def drawn() -> dict[str, str]:
    """Return child -> parent as the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r" {4}([│├└─ ]*)(\w+)  ", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            if depth:
                parents[found[2]] = path[depth - 1]
    return parents


def real() -> dict[str, str]:
    """Return child -> parent as the classes are."""
    parents: dict[str, str] = {}
    open_: list[type[QueueError]] = [QueueError]
    for kind in open_:
        children = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
        parents |= {child.__name__: kind.__name__ for child in children}
        open_ += children
    return parents


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    assert drawn() == real()
    assert len(drawn()) > 10


def test_the_package_exports_every_exception_by_name() -> None:
    assert {*real(), "QueueError"} <= set(eventqueue.__all__)
    assert all(getattr(eventqueue, name) is getattr(errors, name) for name in {*real(), "QueueError"})


def test_every_name_that_the_package_exports_is_there() -> None:
    assert all(getattr(eventqueue, name) for name in eventqueue.__all__)


def named_in(hint: object) -> Iterator[type]:
    """Yield the classes of this package that an annotation names."""
    if isinstance(hint, type) and hint.__module__.partition(".")[0] == "eventqueue":
        yield hint
    for part in get_args(hint):
        yield from named_in(part)


@pytest.mark.parametrize("kind", [eventqueue.Queue, eventqueue.Then], ids=lambda kind: kind.__name__)
def test_whatever_a_queue_takes_or_returns_is_exported_and_says_what_it_is(kind: type) -> None:
    methods = [one for name, one in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]
    needed = {one for method in methods for hint in get_type_hints(method).values() for one in named_in(hint)}

    assert {one.__name__ for one in needed if getattr(eventqueue, one.__name__, None) is not one} == set()
    assert {one.__name__ for one in needed if not one.__doc__} == set()


def test_every_exception_that_a_caller_can_see_is_defined_in_one_file() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for package in ("eventqueue", "projections")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in PLACES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    ]

    assert elsewhere == []


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://ada:s3cret@localhost:27017/jobs",
        "mongodb+srv://ada:s3cret@cluster.example.net/?retryWrites=true",
        "mongodb://ada:s3cret@%2Ftmp%2Fmongod.sock/",
        "mongodb://ada:s3cret@a:1,b:2,c:3/?replicaSet=rs0",
        "mongodb://ada:s3cret@[::1]:27017",
        "mongodb://ada:@s3cret@host",  # not escaped, as a person in a hurry types it
        "mongodb://ada:x/s3cret@host/db",
        "mongodb://ada:x?s3cret#:@host/db",
        "mongodb://ada:my s3cret@host/db",
        "mongodb://s3cret@host",
        "MongoDB://ada:s3cret@host",
        "two of them: mongodb://ada:s3cret@a/ and mongodb://bob:s3cret@b/",
        "two of them: mongodb://ada:s3cret@a/,mongodb://bob:s3cret@b/",
        "cannot connect to 'mongodb://ada:s3cret@host': refused",
        "mongodb://host/?tls=true&tlsCertificateKeyFilePassword=s3cret",
        "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret&tls=true",
    ],
)
def test_no_password_is_left_in_a_message(uri: str) -> None:
    shown = redact(f"{uri} failed")

    assert "s3cret" not in shown
    assert shown.lower().startswith(uri[:10].lower())
    assert shown.endswith("failed")


@pytest.mark.parametrize(
    ("uri", "is_secret"),
    [
        ("mongodb://ada:s3cret@localhost:27017/jobs", True),
        ("mongodb+srv://ada:x/s3cret@host/db", True),
        ("mongodb://host/?tls=true&tlsCertificateKeyFilePassword=s3cret", True),
        ("mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret", True),
        ("mongodb://ada@host/?authMechanism=MONGODB-X509", False),
        ("mongodb://a:1,b:2,c:3/?replicaSet=rs0", False),
        ("mongodb://%2Ftmp%2Fmongod.sock/", False),
    ],
)
def test_a_uri_with_a_secret_is_told_from_one_without(uri: str, is_secret: bool) -> None:
    assert has_secret(uri) == is_secret


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://localhost:27017/jobs?replicaSet=rs0",
        "mongodb://%2Fhome%2Fada%2Fmongod.sock/",
        "Write to ada@example.net, not to mongod.",
        "",
    ],
)
def test_a_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_host_is_still_told() -> None:
    assert redact("mongodb://ada:s3cret@localhost:27017/jobs") == "mongodb://***@localhost:27017/jobs"
