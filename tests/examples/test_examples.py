"""The examples of applications in docs/examples, as whoever copies them runs them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from tests.patience import PATIENCE_S
from tests.worker.stage import wait_until

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
EXAMPLES = ROOT / "docs" / "examples"


class Application:
    """A copy of an example, and the environment that it runs in."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self.directory = directory
        self.environ = environ

    def python(self, *args: str) -> str:
        """Run Python there; return what it printed."""
        command = [sys.executable, *args]
        ran = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    @contextmanager
    def process(self, *args: str) -> "Iterator[subprocess.Popen[str]]":
        """Have Python run there meanwhile."""
        with subprocess.Popen(
            [sys.executable, *args],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                process.communicate(timeout=PATIENCE_S)

    def worker(self, *args: str) -> Any:
        """Have a worker run there meanwhile."""
        return self.process("-m", "eventqueue", "worker", "start", "--quiet", *args)


@pytest.fixture
def environ(server_uri: str, database: Database[dict[str, Any]]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "QUEUECTL_URI": server_uri, "QUEUECTL_DB": database.name, "PYTHONDONTWRITEBYTECODE": "1"}


def copied(example: str, to: Path, environ: dict[str, str]) -> Application:
    directory = to / example
    shutil.copytree(EXAMPLES / example, directory)
    return Application(directory, environ)


def asking(server: "subprocess.Popen[str]") -> httpx.Client:
    """Return what asks a server, once it says where it listens."""
    assert server.stdout
    url = next(found[0] for line in server.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    return httpx.Client(base_url=url, timeout=PATIENCE_S)


def test_the_first_task_of_the_readme_runs_as_it_says(tmp_path: Path, environ: dict[str, str]) -> None:
    told = README.read_text().partition("## A first task")[2]
    name, code, commands = re.findall(r"`(\w+)\.py`:\n\n```python\n(.*?)```\n\n(.*?)\n\n", told, re.DOTALL)[0]
    worker, script, *printed = (line.strip() for line in commands.splitlines())
    (tmp_path / f"{name}.py").write_text(code)
    application = Application(tmp_path, environ)

    words = shlex.split(worker.removeprefix("$ queuectl ").removesuffix(" &"))
    with application.process("-u", "-m", "eventqueue", *words) as process:
        assert process.stdout
        assert any("started" in line for line in process.stdout)
        found = application.python(*shlex.split(script.removeprefix("$ python ")))

    assert found.splitlines() == printed


def test_a_script_enqueues_its_own_tasks_and_waits_for_them(tmp_path: Path, environ: dict[str, str]) -> None:
    script = copied("script", tmp_path, environ)
    (script.directory / "tree.txt").write_text("a picture of a tree")

    with script.worker("--import", "thumbnails", "--import-path", "."):
        printed = script.python("thumbnails.py", "tree.txt")

    small = script.directory / "tree.10.txt"
    assert printed == f"completed {{'file': '{small}', 'width': 10}}\n"
    assert small.read_text() == "a picture "


def test_the_cells_of_the_notebook_run_in_their_order(tmp_path: Path, environ: dict[str, str]) -> None:
    notebook = copied("notebook", tmp_path, environ)
    cells = json.loads((notebook.directory / "queue.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    shown = [
        text.replace("[job.result.value for job in jobs]", "print([job.result.value for job in jobs])") for text in code
    ]

    assert notebook.python("-c", "\n".join(shown)) == "[4, 25, 168]\n"


def test_django_enqueues_once_its_transaction_is_committed(tmp_path: Path, environ: dict[str, str]) -> None:
    shop = copied("django_shop", tmp_path, {**environ, "SHOP_DB": str(tmp_path / "shop.sqlite3")})
    shop.python("manage.py", "migrate", "--verbosity", "0")

    serve = "-u", "manage.py", "runserver", "--noreload", "--nothreading", "127.0.0.1:0"
    with shop.worker(), shop.process(*serve) as server, asking(server) as client:
        taken = client.post("/orders", data={"customer": "ann"})
        assert taken.status_code == 202
        job = taken.json()["job"]
        wait_until(lambda: client.get(f"/jobs/{job}").json()["state"] == "completed")
        assert client.get(f"/jobs/{job}").json() == {"state": "completed", "result": "ann"}
        assert client.get("/jobs/nothing").status_code == 404


def test_fastapi_answers_with_a_jobs_id_and_how_it_stands(tmp_path: Path, environ: dict[str, str]) -> None:
    shop = copied("fastapi_shop", tmp_path, environ)
    worker = shop.worker("--import", "tasks", "--import-path", ".")

    serve = "-u", "-m", "uvicorn", "--port", "0", "--app-dir", ".", "app:app"
    with worker, shop.process(*serve) as server, asking(server) as client:
        taken = client.post("/orders", json={"customer": "ann"})
        assert taken.status_code == 202
        job = taken.json()["job"]
        wait_until(lambda: client.get(f"/jobs/{job}").json()["state"] == "completed")
        assert client.get(f"/jobs/{job}").json()["result"] == "order 1 of ann is confirmed"
        assert job in client.get(f"/jobs/{job}/page").text
        assert client.get("/jobs/nothing").status_code == 404
