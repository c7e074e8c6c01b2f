"""The Python that README and the guide to tasks show: all of it runs, in its order, as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.examples.test_examples import ROOT, Application, environ

__all__ = ["environ"]

ELSEWHERE = "mongodb://db.example/?replicaSet=rs0"
# Each block in the namespace of those before it; what awaits does so in one loop.
RUN = """
import ast, asyncio, inspect, json, sys
async def run(blocks, space):
    for number, block in enumerate(blocks):
        code = compile(block, f"block {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if inspect.iscoroutine(found := eval(code, space)):
            await found
asyncio.run(run(json.loads(sys.argv[1]), {"__name__": "shown"}))
"""


def shown(document: str, uri: str) -> list[str]:
    """The Python of a document, with a server that is there."""
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    return [block.replace(ELSEWHERE, uri) for block in blocks]


@pytest.fixture
def application(tmp_path: Path, environ: dict[str, str]) -> Application:
    """A directory with a module of tasks, and a `make` that makes nothing."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "tasks.py").write_text(shown("docs/tasks.md", ELSEWHERE)[0])
    (tmp_path / "make").write_text("#!/bin/sh\n")
    (tmp_path / "make").chmod(0o755)
    return Application(tmp_path, {**environ, "PATH": f"{tmp_path}:{environ['PATH']}"})


def test_the_guide_to_tasks_runs(
    application: Application, server_uri: str, client: MongoClient[dict[str, Any]]
) -> None:
    _, *blocks = shown("docs/tasks.md", server_uri)
    assert len(blocks) > 5

    try:
        with application.worker("--import", "app.tasks"):
            application.python("-c", RUN, json.dumps(blocks))
    finally:
        client.drop_database("shop")


def test_what_the_guide_says_is_refused_is_refused_in_these_words(application: Application) -> None:
    guide = (ROOT / "docs" / "tasks.md").read_text()
    (call, said), *_ = re.findall(r"^    >>> (.*)\n    [\w.]+: (.*)$", guide, re.MULTILINE)

    code = f"from app.tasks import send\ntry:\n    {call}\nexcept Exception as error:\n    print(error)"
    assert application.python("-c", code) == f"{said}\n"


def test_what_readme_shows_from_python_runs(application: Application, server_uri: str) -> None:
    blocks = [one for one in shown("README.md", server_uri) if "Queue(" in one]
    assert len(blocks) == 2
    soon = [one.replace("timedelta(minutes=1)", "timedelta(seconds=1)") for one in blocks]

    with application.worker("--import", "app.tasks"):
        printed = application.python("-c", RUN, json.dumps(["from app.tasks import send", *soon]))

    done, both, one = printed.splitlines()
    assert done.startswith("completed Result(")
    assert (both, one) == ("['1 to ann', '1 to bob']", "1 to ann")


def test_the_test_that_readme_shows_passes(application: Application, server_uri: str) -> None:
    letters, test, *_ = shown("README.md", server_uri)
    (application.directory / "letters.py").write_text(letters)
    (application.directory / "test_letters.py").write_text(test)

    assert "1 passed" in application.python("-m", "pytest", "-p", "no:cacheprovider", "test_letters.py")
