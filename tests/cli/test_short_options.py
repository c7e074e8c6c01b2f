"""The short forms of options: the same letter for the same option, on every command that has it."""

import click
import pytest

from eventqueue import __version__
from tests.cli.commands import Queuectl
from tests.cli.test_entry_point import ALL
from tests.cli.test_entry_point import nowhere as nowhere  # noqa: PLC0414 - a fixture
from tests.cli.test_every_command import LEAVES
from tests.cli.test_secrets import command

SHORT = {"--help": "-h", "--quiet": "-q", "--limit": "-n", "--follow": "-f", "--output": "-o"}


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_every_command_takes_h_for_its_help(nowhere: Queuectl, words: tuple[str, ...]) -> None:
    assert nowhere.ok(*words, "-h").out == nowhere.ok(*words, "--help").out


def test_an_option_has_its_letter_wherever_it_is_an_option() -> None:
    wrong = set()
    for name in LEAVES:
        one = command(name)
        for param in one.get_params(click.Context(one, help_option_names=["-h", "--help"])):
            letters = {short for long, short in SHORT.items() if long in param.opts}
            wrong |= {(name, param.name)} if not letters <= set(param.opts) else set()
    assert wrong == set()


def test_a_letter_stands_for_one_option_alone() -> None:
    meant: dict[str, set[str]] = {}
    for name in LEAVES:
        for param in command(name).params:
            for letter in (one for one in param.opts if len(one) == 2):
                meant.setdefault(letter, set()).add(param.opts[0])
    assert {letter for letter, long in meant.items() if len(long) > 1} == set()


def test_the_version_has_a_letter_too(nowhere: Queuectl) -> None:
    assert nowhere.ok("-V").out == f"queuectl {__version__}\n"


def test_short_options_do_what_the_long_ones_do(queuectl: Queuectl) -> None:
    for name in ("a", "b", "c"):
        assert queuectl.ok("enqueue", "-q", "--id", name, "--", "true").out == f"{name}\n"

    assert [one["id"] for one in queuectl.ok("list", "-n", "2", "--json").json] == ["c", "b"]
    assert queuectl.ok("events", "-n", "1", "--json").out.count("\n") == 1
