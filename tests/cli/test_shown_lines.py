"""Each command line that a help or a document shows is one that queuectl takes: no option in it has gone."""

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli.root import NAME, root
from tests.cli.commands import Queuectl
from tests.cli.past import died
from tests.cli.test_entry_point import ALL
from tests.cli.test_secrets import command

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def of_helps() -> Iterator[tuple[str, str]]:
    for words in ALL:
        name = " ".join(words)
        for line in inspect.cleandoc(command(name).help or "").splitlines():
            if re.match(r"(queuectl|echo) [^`]+$", line) and not line.endswith((".", ",")):
                yield name, line


def of_documents() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for line in re.findall(r"^ +(?:\$ )?((?:\w+=\S+ )*queuectl .*)$", document.read_text(), re.MULTILINE):
            yield document.name, line


def calls(line: str) -> Iterator[list[str]]:
    """Yield the words behind each queuectl of a line of the shell."""
    for inner in re.findall(r"\$\((queuectl [^)]*)\)", line):
        yield from calls(inner)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    piece: list[str] = []
    for word in [*lexer, ";"]:
        if word.strip("|&;<>"):
            piece.append(word)
            continue
        while piece and "=" in piece[0]:
            piece.pop(0)
        if piece[:1] == [NAME]:
            yield piece[1:]
        piece = []


def check(words: list[str]) -> None:
    """Have queuectl read the words, and do nothing. Raises what click does of those that it does not take."""
    try:
        context = root.make_context(NAME, list(words))
        while isinstance(group := context.command, click.Group):
            name, found, rest = group.resolve_command(context, [*context._protected_args, *context.args])
            assert found
            context = found.make_context(name, rest, parent=context)
    except click.exceptions.Exit:  # a help was asked for
        pass


SHOWN = sorted({*of_helps(), *of_documents()})


@pytest.mark.parametrize(("where", "line"), SHOWN, ids=[f"{where}: {line}" for where, line in SHOWN])
def test_what_is_shown_is_taken(where: str, line: str) -> None:
    found = list(calls(line))

    assert found
    for words in found:
        check(words)


@pytest.mark.parametrize("line", ["queuectl lst", "X=1 queuectl list --stat x | jq", 'echo "$(queuectl wait -z)"'])
def test_what_is_not_taken_is_noticed(line: str) -> None:
    ((*words,),) = calls(line)

    with pytest.raises(click.UsageError):
        check(words)


def test_helps_and_documents_are_looked_at() -> None:
    assert {"README.md", "tasks.md", "web.md", "enqueue", "audit seal"} <= {where for where, _ in SHOWN}


# They go on until they are told to stop, need what is not here, or would leave something behind.
NOT_RUN = re.compile(
    r"^(worker|projector) start|^web|^top $|^wait|^db|^completion|^audit (import|key|prove|check-proof)"
    r"|--(follow|serve|edit|import|into|export|publish|against|key|at|until) "
)
RUN = [
    words for name, line in sorted({*of_helps()}) for words in calls(line) if not NOT_RUN.search(f"{' '.join(words)} ")
]


def test_no_example_of_a_help_is_wrong_usage_where_it_is_run(
    queuectl: Queuectl, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs.jsonl").write_text('{"command": "true"}\n')
    for job_id in ("report", "0199f3a2-1"):
        queue.enqueue(id=job_id, queue="mail", command="false")
        died(queue, job_id, "exit code 1: no space")

    ran = {" ".join(words): queuectl.here(*words) for words in RUN}

    assert len(ran) > 70
    assert {line: one.err for line, one in ran.items() if one.code not in (0, 1) or "Unexpected" in one.err} == {}
