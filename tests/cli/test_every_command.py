"""Every command there is, where people really use it: on terminals of several widths, and before a reader that leaves.

A command that is not in the table below fails these tests: no new one can be forgotten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import click
import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.hostile import FORGED, HOSTILE, fill
from tests.cli.terminals import OWN, OWN_COLOURS, Line, on_terminal, on_terminals
from tests.cli.test_entry_point import ALL
from tests.cli.test_secrets import command

WIDTHS = (60, 80, 200)
MANY = 130  # more than a progress bar needs


@dataclass(frozen=True)
class Use:
    """One way to use a command: what follows it, how it may end, and when a person would press Ctrl-C."""

    args: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    interrupt_after: float = 0.0
    is_silent: bool = False  # it may write nothing to stdout
    needs_jobs: bool = True


USES: dict[str, tuple[Use, ...]] = {
    "enqueue": (
        Use(("--tag", HOSTILE, "--", "true"), needs_jobs=False),
        Use(('{"command": "true", "' + HOSTILE + '": 1}',), (1, 2), is_silent=True, needs_jobs=False),
        Use(("--file", f"/no/{HOSTILE}"), (1, 2), is_silent=True, needs_jobs=False),
        Use(
            ("--task", "app.send", "--args", '["' + HOSTILE.replace("\\", "") + '"]'),
            (0, 2),
            needs_jobs=False,
            is_silent=True,
        ),
    ),
    "list": (
        Use(needs_jobs=False),
        Use(("--tag", HOSTILE)),
        Use(("--at", "0s")),
        Use(("--at", "50y"), (1, 2), is_silent=True, needs_jobs=False),
        Use((HOSTILE,), (2,), is_silent=True, needs_jobs=False),
        Use(("--command", HOSTILE, "--meta", f"{HOSTILE}=x"), (0, 2), is_silent=True, needs_jobs=False),
        Use(("--after", HOSTILE), (1,), is_silent=True, needs_jobs=False),
        Use(("--sort", "due")),
    ),
    "count": (
        Use(needs_jobs=False),
        *(Use(("--by", by), is_silent=True) for by in ("state", "queue", "error", "tag", "task", "hour")),
        Use(("--queue", HOSTILE)),
        Use((f"tag:{HOSTILE}",), (0, 2), is_silent=True, needs_jobs=False),
    ),
    "show": (
        Use(("wild",)),
        Use(("held-0",)),
        Use(("wild", "--at", "0s")),
        Use(("wild", "--version", "1")),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "why": (
        Use(("wild",)),
        Use(("held-0",)),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "history": (Use(("wild",)),),
    "logs": (Use(("wild",)), Use(("wild", "--follow"), (0, 1, 130), interrupt_after=2.0)),
    "errors": (
        Use(is_silent=True, needs_jobs=False),
        Use(("--queue", HOSTILE), (1,), is_silent=True),
        Use(("--since", HOSTILE), (2,), is_silent=True),
        Use(("--past",), is_silent=True, needs_jobs=False),
    ),
    "wait": (Use(("wild", "--timeout", "0.1"), (1,), is_silent=True),),
    "cancel": (
        Use(("--all", "--queue", "many", "--yes"), is_silent=True),
        Use(("error~x", "--why", HOSTILE, "--yes"), is_silent=True, needs_jobs=False),
        Use((f"tag={HOSTILE}",), (0, 2), is_silent=True, needs_jobs=False),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "retry": (Use(("wild",), (0, 1), is_silent=True),),
    "set": (
        Use(("wild", "--tag", HOSTILE, "--command", HOSTILE), (0, 1, 2), is_silent=True),
        Use((HOSTILE, "--priority", "1"), (1,), is_silent=True, needs_jobs=False),
        Use(("wild", "--queue", HOSTILE), (2,), is_silent=True, needs_jobs=False),
        Use(("queue:many", "--priority", "2", "--yes"), is_silent=True, needs_jobs=False),
    ),
    "restart": (
        Use(("wild", "--tag", HOSTILE, "--command", HOSTILE), (0, 1), is_silent=True),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
        Use(("wild", "--unset", HOSTILE), (2,), is_silent=True, needs_jobs=False),
        Use(("queue:many", "--priority", "2", "--yes"), is_silent=True, needs_jobs=False),
    ),
    "run-now": (
        Use(("wild",), (0, 1), is_silent=True),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "dlq list": (Use(is_silent=True, needs_jobs=False),),
    "dlq retry": (
        Use(("--all", "--dry-run"), is_silent=True, needs_jobs=False),
        Use(("--all", "--fingerprint", HOSTILE), (2,), is_silent=True),
    ),
    "dlq discard": (Use(("--all", "--error", HOSTILE, "--dry-run"), is_silent=True, needs_jobs=False),),
    "dlq ignore": (
        Use(("0a1b2c3d4e", "--why", HOSTILE), (1, 2), is_silent=True, needs_jobs=False),
        Use((HOSTILE,), (2,), is_silent=True, needs_jobs=False),
    ),
    "dlq ignored": (
        Use(is_silent=True, needs_jobs=False),
        Use(("--at", "0s"), is_silent=True, needs_jobs=False),
    ),
    "dlq unignore": (Use(("0a1b2c3d4e", "--why", HOSTILE), needs_jobs=False),),
    "worker start": (Use(("--until-empty", "--queue", "none"), is_silent=True, needs_jobs=False),),
    "tasks list": (
        Use(is_silent=True, needs_jobs=False),
        Use(("--import", HOSTILE), (1,), is_silent=True, needs_jobs=False),
    ),
    "tasks run": (Use((HOSTILE,), (1, 2), is_silent=True, needs_jobs=False),),
    "worker list": (
        Use(is_silent=True, needs_jobs=False),
        Use(("--at", "0s"), is_silent=True),
        Use(("--all",), is_silent=True, needs_jobs=False),
    ),
    "worker show": (
        Use(("lost",)),
        Use(("lost", "--at", "0s", "--limit", "1")),
        Use(("lost", "--before", HOSTILE), (2,), is_silent=True),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "worker stop": (Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),),
    "queue list": (Use(is_silent=True, needs_jobs=False), Use(("--at", "0s"))),
    "queue pause": (Use(("held", "--why", HOSTILE), needs_jobs=False),),
    "queue resume": (Use(("other",), needs_jobs=False),),
    "schedule add": (
        Use(("s", "--every", "7d", "--tag", HOSTILE, "--", "true"), is_silent=True, needs_jobs=False),
        Use(("s", "--cron", HOSTILE, "--", "true"), (2,), is_silent=True, needs_jobs=False),
        Use(("s", "--cron", "* * * * *", "--tz", HOSTILE, "--", "true"), (2,), is_silent=True, needs_jobs=False),
        Use((HOSTILE, "--every", "5", "--", "true"), (1,), is_silent=True, needs_jobs=False),
    ),
    "schedule list": (Use(is_silent=True, needs_jobs=False),),
    "schedule show": (Use(("wild",)), Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False)),
    "schedule pause": (Use(("wild", "--why", HOSTILE)),),
    "schedule resume": (Use(("other",)),),
    "schedule remove": (Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),),
    "schedule trigger": (Use(("wild", "--why", HOSTILE)),),
    "schedule next": (Use(("wild",)), Use(("wild", HOSTILE), (2,), is_silent=True)),
    "projector start": (Use(interrupt_after=1.0, needs_jobs=False, is_silent=True),),
    "projections list": (Use(codes=(0, 1), needs_jobs=False),),
    "projections show": (Use(("stats",), is_silent=True, needs_jobs=False), Use((HOSTILE,), (1,), is_silent=True)),
    "projections rebuild": (Use(needs_jobs=False),),
    "projections verify": (Use(needs_jobs=False), Use(("--sample", "5"))),
    "projections retry": (Use(("stats", "wild"), (1,), is_silent=True), Use((HOSTILE, HOSTILE), (1,), is_silent=True)),
    "status": (Use(needs_jobs=False), Use(("--at", "0s"))),
    "stats": (Use(needs_jobs=False), Use(("--until", "0s"))),
    "top": (Use(("--once",), needs_jobs=False),),  # the live screen: test_screen.py
    "metrics": (
        Use(needs_jobs=False),
        Use(("--serve", "0"), interrupt_after=1.0, needs_jobs=False),
        Use(("--serve", HOSTILE), (2,), is_silent=True, needs_jobs=False),
    ),
    "web": (
        Use(("--port", "0", "--quiet"), interrupt_after=1.0, needs_jobs=False),
        Use(("--allow-host", HOSTILE), (2,), is_silent=True, needs_jobs=False),
        Use(("--user-header", HOSTILE), (1,), is_silent=True, needs_jobs=False),
    ),
    "config list": (Use(needs_jobs=False),),
    "config get": (Use(("grace",), needs_jobs=False), Use((HOSTILE,), (2,), is_silent=True, needs_jobs=False)),
    "config set": (Use(("grace", "20"), needs_jobs=False), Use(("grace", HOSTILE), (2,), is_silent=True)),
    "config unset": (Use(("grace",), needs_jobs=False),),
    "events": (
        Use(needs_jobs=False),
        Use(("--follow",), interrupt_after=1.0, needs_jobs=False, is_silent=True),
        Use(("--job", "wild", "--reverse")),
        Use(("--queue", HOSTILE, "--where", "data.error~" + HOSTILE), is_silent=True),
        Use(("--where", HOSTILE), (2,), is_silent=True, needs_jobs=False),
    ),
    "replay": (
        Use(("wild",)),
        Use(("--all", "--into", f"bad {HOSTILE}"), (2,), is_silent=True),
        Use(("--projection", "projections.folds.stats:Stats")),
        Use(("--projection", HOSTILE), (2,), is_silent=True, needs_jobs=False),
    ),
    "diff": (Use(("wild", "1", "2")), Use(("wild", "held-0")), Use((HOSTILE, HOSTILE), (1,), is_silent=True)),
    "simulate": (
        Use(("--max-retries", "5"), needs_jobs=False),
        Use(("--max-retries", "0", "--queue", HOSTILE), (1,), is_silent=True),
        Use(("--max-retries", "1", "--exit-codes", HOSTILE), (2,), is_silent=True, needs_jobs=False),
    ),
    "audit verify": (Use(("--all",), (0, 1), needs_jobs=False), Use(("wild",))),
    "audit seal": (
        Use(is_silent=True, needs_jobs=False),
        Use(("--export", f"/no/{HOSTILE}"), (1,), is_silent=True),
        Use(("--key", f"/no/{HOSTILE}"), (1,), is_silent=True, needs_jobs=False),
    ),
    "audit seals": (Use(is_silent=True, needs_jobs=False),),
    "audit prove": (
        Use(("wild",), (0, 1), is_silent=True),
        Use(("--between", "1", "1"), (0, 1), is_silent=True, needs_jobs=False),
        Use((HOSTILE,), (1,), is_silent=True, needs_jobs=False),
    ),
    "audit check-proof": (Use((f"/no/{HOSTILE}",), (1,), is_silent=True, needs_jobs=False),),
    "audit key": (Use((f"/no/{HOSTILE}",), (1,), is_silent=True, needs_jobs=False),),
    "audit export": (
        Use(needs_jobs=False),
        Use(("--tag", HOSTILE, "--queue", HOSTILE)),
        Use((f"tag={HOSTILE}",), (0, 1, 2), is_silent=True),
        Use(("--out", f"/no/{HOSTILE}"), (1,), is_silent=True),
    ),
    "audit import": (Use((f"/no/{HOSTILE}",), (1,), is_silent=True, needs_jobs=False),),
    "db start": (Use(needs_jobs=False),),
    "db status": (Use(needs_jobs=False),),
    "db stop": (Use(needs_jobs=False),),
    "doctor": (
        Use(codes=(0, 1), needs_jobs=False),
        Use(("--max-wait", "0", "--max-dead", "0", "--max-lag", "0"), (0, 1), needs_jobs=False),
        Use(("--max-wait", HOSTILE), (2,), is_silent=True, needs_jobs=False),
    ),
    "completion": (Use(("bash",), needs_jobs=False),),
}
LEAVES = [" ".join(words) for words in ALL if not isinstance(command(" ".join(words)), click.Group)]
ALWAYS = [(name, use) for name, uses in USES.items() for use in uses]
WITHOUT_JOBS = [(name, use) for name, use in ALWAYS if not use.needs_jobs]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A home for the commands that are about the local server."""
    from tests.server.servers import clear_away

    path = tmp_path_factory.mktemp("every") / "home"
    yield str(path)
    clear_away(path)


@pytest.fixture(scope="module")
def filled(server_uri: str, client: MongoClient[dict[str, Any]], home: str) -> Iterator[Queuectl]:
    """A database with many jobs, one of them hostile in every field."""
    name = f"test_{uuid4().hex[:16]}"
    with Queue(server_uri, name) as queue:
        fill(queue, server_uri, MANY)
    yield Queuectl({**environ(server_uri, name), "QUEUECTL_HOME": home})
    client.drop_database(name)


@pytest.fixture(scope="module")
def empty(server_uri: str, client: MongoClient[dict[str, Any]], home: str) -> Iterator[Queuectl]:
    """A database without a job."""
    name = f"test_{uuid4().hex[:16]}"
    yield Queuectl({**environ(server_uri, name), "QUEUECTL_HOME": home})
    client.drop_database(name)


def test_every_command_is_used_here() -> None:
    assert sorted(USES) == sorted(LEAVES)


def steering(shown: str) -> str:
    """Return what is left of an output that would steer a terminal, and is not our own."""
    rest = OWN.sub("", shown).replace("\t", "")
    return "".join(char for char in rest if not char.isprintable())


def is_forged(shown: str) -> bool:
    """Whether what somebody else wrote stands at the beginning of a line, as if it were our own."""
    return any(line.strip("\r").startswith(FORGED) for line in OWN_COLOURS.sub("", shown).split("\n"))


def wrong_in(queuectl: Queuectl, uses: Sequence[tuple[str, Use]], *options: str, columns: int = 80) -> list[str]:
    """Use commands on a terminal; return what is wrong, with the command and what it showed."""
    lines = [Line((*name.split(), *options, *use.args), columns, False, use.interrupt_after) for name, use in uses]
    wrong = []
    for (name, use), line, (code, shown) in zip(uses, lines, on_terminals(queuectl, lines), strict=True):
        problems = [word for word in ("Traceback", "Unexpected") if word in shown]
        problems += [repr(rest)] if (rest := steering(shown)) else []
        problems += ["a forged line"] if name != "logs" and is_forged(shown) else []
        problems += [f"code {code}"] if code not in use.codes else []
        wrong += [f"{line.args}: {problems}: {shown}"] if problems else []
    return wrong


@pytest.mark.parametrize("columns", WIDTHS)
def test_with_hostile_text_everywhere_nothing_but_our_own_steers_the_terminal(filled: Queuectl, columns: int) -> None:
    assert wrong_in(filled, ALWAYS, columns=columns) == []


def test_as_json_neither(filled: Queuectl) -> None:
    assert wrong_in(filled, [(name, use) for name, use in ALWAYS if name != "completion"], "--json") == []


@pytest.mark.parametrize("columns", WIDTHS)
def test_without_a_job_every_command_ends_in_order(empty: Queuectl, columns: int) -> None:
    assert wrong_in(empty, WITHOUT_JOBS, columns=columns) == []


@pytest.mark.parametrize("words", ["projections rebuild", "projections verify", "audit verify --all"])
def test_long_work_draws_its_progress(filled: Queuectl, words: str) -> None:
    assert "━" in on_terminal(filled, *words.split(), columns=120)


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_a_reader_that_has_gone_is_141_and_no_word(filled: Queuectl, options: tuple[str, ...]) -> None:
    # Who goes on does so whether anybody reads or not.
    uses = [(name, use) for name, use in ALWAYS if name not in ("worker start", "projector start")]
    lines = [Line((*name.split(), *options, *use.args), gone=True) for name, use in uses]

    wrong = []
    for (_, use), line, (code, shown) in zip(uses, lines, on_terminals(filled, lines), strict=True):
        is_told = any(word in shown for word in ("Traceback", "Broken pipe", "Unexpected"))
        if is_told or code not in (141, *(use.codes if use.is_silent else ())):
            wrong.append(f"{line.args}: {code}: {shown}")
    assert wrong == []
