"""The entry point itself: help, version, completion, streams that fail, and whatever stops a command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from eventqueue import __version__
from eventqueue.cli.root import SECTIONS, root
from tests.cli.commands import Queuectl, is_one_sentence
from tests.patience import PATIENCE_S


def commands(group: click.Group = root, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield every command, and every group, by its words."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        yield (*words, name)
        if isinstance(found, click.Group):
            yield from commands(found, *words, name)


ALL = list(commands())
GROUPS = [("dlq",), ("worker",), ("schedule",), ("projector",), ("config",), ("audit",), ("db",)]


@pytest.fixture
def nowhere() -> Queuectl:
    """queuectl without a database: what needs none must not look for one."""
    return Queuectl({"PATH": os.environ["PATH"], "QUEUECTL_URI": "mongodb://no.such.host.invalid"})


def test_the_help_of_every_command_has_an_example_of_it(nowhere: Queuectl) -> None:
    helps = {" ".join(words): nowhere.ok(*words, "--help").out.partition("\n")[2] for words in ALL}  # without Usage
    single = {name: text for name, text in helps.items() if "\nCommands:\n" not in text}

    assert {name for name, text in single.items() if f"queuectl {name}" not in text} == set()


def test_every_command_of_the_issue_is_there() -> None:
    assert {" ".join(words) for words in ALL} >= {
        *("enqueue", "worker start", "worker list", "projector start", "status", "list", "show", "history", "logs"),
        *("wait", "cancel", "retry", "dlq list", "dlq retry", "dlq discard", "config list", "config get"),
        *("config set", "config unset", "replay", "audit verify", "db start", "db stop", "db status", "doctor"),
        "completion",
    }
    assert root.get_command(click.Context(root), "worker:start")


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_the_global_options(nowhere: Queuectl, words: tuple[str, ...]) -> None:
    ran = nowhere.ok(*words, "--help")

    assert ran.out.startswith(f"Usage: queuectl {' '.join(words)} ")
    assert all(option in ran.out for option in ("--uri", "--db", "--json", "--quiet"))
    assert ran.err == ""


def test_no_arguments_show_the_help(nowhere: Queuectl) -> None:
    ran = nowhere.process()

    assert (ran.code, ran.err) == (0, "")
    assert all(title in ran.out for title in SECTIONS)


@pytest.mark.parametrize("words", GROUPS, ids=" ".join)
def test_a_group_alone_shows_its_help(nowhere: Queuectl, words: tuple[str, ...]) -> None:
    assert "Commands:" in nowhere.ok(*words).out


def test_a_summary_in_the_help_is_never_cut(nowhere: Queuectl) -> None:
    for words in ((), *GROUPS):
        assert "..." not in nowhere.ok(*words, "--help").out.partition("Jobs:" if not words else "Commands:")[2]


def test_version_imports_no_driver(nowhere: Queuectl) -> None:
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "eventqueue", "--version"],
        env=nowhere.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert imported.stdout == f"queuectl {__version__}\n"
    assert not {"pymongo", "rich", "msgspec", "bson"} & {line.split()[-1] for line in imported.stderr.splitlines()}


@pytest.mark.parametrize("args", [("bogus",), ("list", "--bogus"), ("worker", "bogus"), ("list", "extra"), ("--uri",)])
def test_wrong_usage_is_one_sentence_that_names_the_help(nowhere: Queuectl, args: tuple[str, ...]) -> None:
    ran = nowhere.process(*args)

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "--help`" in ran.err


@pytest.mark.parametrize(
    ("typed", "meant"), [(("liist",), "list"), (("worker", "stpo"), "stop"), (("list", "--qeue", "x"), "--queue")]
)
def test_a_misspelt_command_or_option_is_told_which_one_may_be_meant(
    nowhere: Queuectl, typed: tuple[str, ...], meant: str
) -> None:
    ran = nowhere.process(*typed)

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert f"(is {meant} meant?): see `queuectl " in ran.err


def test_an_option_that_is_like_none_but_for_its_dashes_is_told_none(nowhere: Queuectl) -> None:
    assert "meant" not in nowhere.here("worker", "start", "--drain").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(nowhere: Queuectl, shell: str) -> None:
    ran = nowhere.ok("completion", shell)

    assert "_QUEUECTL_COMPLETE" in ran.out
    assert "queuectl" in ran.out


def test_completion_for_another_shell_is_wrong_usage(nowhere: Queuectl) -> None:
    assert nowhere.here("completion", "tcsh").code == 2


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("queuectl en", "enqueue"), ("queuectl dlq dis", "discard"), ("queuectl list --st", "--state")],
)
def test_the_shell_gets_its_completions(nowhere: Queuectl, typed: str, expected: str) -> None:
    words = typed.split()
    asking = nowhere.with_environ(_QUEUECTL_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(words) - 1))

    assert f"plain,{expected}" in asking.process().out.splitlines()


def test_a_reader_that_goes_away_is_no_failure_worth_a_word(shared: Queuectl) -> None:
    shown = subprocess.run(
        f"{sys.executable} -m eventqueue config list --json | true; exit ${{PIPESTATUS[0]}}",
        executable="/bin/bash",
        shell=True,
        env=shared.environ,
        stderr=subprocess.PIPE,
        check=False,
    )

    assert shown.stderr == b""
    assert shown.returncode in (0, 141)  # 0 if the pipe took it all before its reader went


def test_a_full_disk_is_told_in_one_sentence(shared: Queuectl) -> None:
    with Path("/dev/full").open("wb") as full:
        shown = subprocess.run(
            [sys.executable, "-m", "eventqueue", "config", "list"],
            env=shared.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (shown.returncode, shown.stderr.decode()) == (1, "✘ No space left on device.\n")


@pytest.mark.parametrize("stream", [">&-", "2>&-"])
def test_a_stream_that_is_closed_is_no_failure(shared: Queuectl, stream: str) -> None:
    command = f"{sys.executable} -m eventqueue config list {stream}"

    assert (
        subprocess.run(command, shell=True, env=shared.environ, stdout=subprocess.DEVNULL, check=False).returncode == 0
    )


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_workers_run_their_jobs_whichever_streams_are_closed(queuectl: Queuectl, streams: str) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "echo said; echo told >&2")
    command = f"{sys.executable} -m eventqueue worker start --until-empty {streams}"

    ended = subprocess.run(
        command, shell=True, env=queuectl.environ, capture_output=True, timeout=PATIENCE_S, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert queuectl.ok("wait", "one").code == 0
    assert queuectl.ok("logs", "one").out == "said\n"


def test_what_a_locale_cannot_encode_is_escaped(queuectl: Queuectl) -> None:
    ran = queuectl.with_environ(PYTHONIOENCODING="ascii").process("enqueue", "--id", "a", "--", "true")

    assert (ran.code, ran.out) == (0, "\\u2714 Job added: a\n")


def test_colours_are_for_terminals_alone(shared: Queuectl) -> None:
    for options in ({}, {"FORCE_COLOR": "1"}, {"CLICOLOR_FORCE": "1"}, {"TTY_COMPATIBLE": "1"}):
        ran = shared.with_environ(**options).process("status")
        assert "\x1b" not in ran.out + ran.err


def broken(_: object) -> None:
    raise ZeroDivisionError("by\nzero")


@pytest.fixture
def defective(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.api.queue.Queue.status", broken)


@pytest.mark.usefixtures("defective")
def test_the_unexpected_is_one_sentence_that_asks_for_a_report(shared: Queuectl) -> None:
    ran = shared.here("status")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "ZeroDivisionError: by zero" in ran.err
    assert "report" in ran.err


@pytest.mark.usefixtures("defective")
def test_a_traceback_is_shown_where_it_is_asked_for(shared: Queuectl) -> None:
    ran = shared.with_environ(QUEUECTL_DEBUG="1").here("status")

    assert ran.code == 1
    assert "Traceback" in ran.err


def test_an_interrupt_is_one_word_and_130(shared: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eventqueue.api.queue.Queue.status", interrupted)

    ran = shared.here("status")

    assert (ran.code, ran.out, ran.err) == (130, "", "✘ Interrupted.\n")


LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_what_is_typed_is_utf_8_whatever_the_locale(queuectl: Queuectl, tmp_path: Path) -> None:
    plain = queuectl.with_environ(**LOCALE)
    file = tmp_path / "jöbs"
    file.write_text('{"id": "two", "command": "echo ü", "tags": ["ß"]}')

    for words in (
        ("--id", "one", "--tag", "ä", "--env", "N=é", "--", "echo ö"),
        ('{"id": "three", "command": "echo ñ"}',),
        ("--file", str(file)),
    ):
        assert plain.process("enqueue", *(word.encode() for word in words)).err == ""

    jobs = {one["id"]: one["command"] for one in queuectl.ok("list", "--json").json}
    assert jobs == {"one": "echo ö", "two": "echo ü", "three": "echo ñ"}
    assert len(plain.process("list", "--tag", "ä".encode(), "--json").json) == 1


@pytest.mark.parametrize("environ", [{}, LOCALE], ids=["utf-8", "C"])
def test_what_is_no_utf_8_is_refused_in_one_sentence(queuectl: Queuectl, environ: dict[str, str]) -> None:
    ran = queuectl.with_environ(**environ).process("enqueue", "--tag", b"\xff", "--", "true")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "--tag: is not valid UTF-8" in ran.err


def test_jobs_from_a_closed_stdin_are_refused_in_one_sentence(queuectl: Queuectl) -> None:
    command = f"{sys.executable} -m eventqueue enqueue --file - <&-"
    ran = subprocess.run(command, shell=True, env=queuectl.environ, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "✘ --file: is stdin, which is closed: pipe the jobs in, or name a file: see `queuectl enqueue --help`.\n"
    )
