"""The man page, made of what each command says of itself: `python -m tests.cli.manual` renews it."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from eventqueue import __version__
from eventqueue.cli import main
from eventqueue.cli.options import GLOBAL
from eventqueue.cli.root import NAME, SECTIONS, root

PLACE = Path(__file__).parents[2] / "docs" / "queuectl.1"
AS_IT_STANDS = "\b"  # as click has it: a paragraph that is not to be filled


def page() -> str:
    """Return the whole page, for groff's man macros."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    ctx = click.Context(root, info_name=NAME, **root.context_settings)
    summary, *_ = _paragraphs(root)
    yield f'.TH {NAME.upper()} 1 "" "{NAME} {__version__}" "User Commands"'
    yield from (".SH NAME", rf"{NAME} \- {_plain(summary[:1].lower() + summary[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", _bold(NAME), _plain(" ".join(root.collect_usage_pieces(ctx))))
    yield ".SH DESCRIPTION"
    yield from _text(root)
    for title, names in SECTIONS.items():
        yield f'.SH "{_plain(title.upper())}"'
        for name in names:
            if found := root.get_command(ctx, name):
                yield from _command(found, ctx, name)
    yield '.SH "GLOBAL OPTIONS"'
    yield "Each may stand before or behind a command."
    yield from _options(ctx, GLOBAL)
    yield '.SH "EXIT STATUS"'
    yield _plain(inspect.cleandoc(main.run.__doc__ or "").partition("\n\n")[2].replace("\n", " "))


def _command(command: click.Command, above: click.Context, name: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=name, parent=above)
    yield f'.SS "{_plain(" ".join([ctx.command_path, *command.collect_usage_pieces(ctx)]))}"'
    yield from _text(command)
    yield from _options(ctx, [one for one in command.get_params(ctx) if one not in GLOBAL])
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            if found := command.get_command(ctx, below):
                yield from _command(found, ctx, below)


def _text(command: click.Command) -> Iterator[str]:
    for paragraph in _paragraphs(command):
        mark, _, rest = paragraph.partition("\n")
        if mark == AS_IT_STANDS:
            yield from (".PP", ".nf", ".RS 4", *map(_plain, rest.split("\n")), ".RE", ".fi")
        else:
            yield from (".PP", _plain(paragraph.replace("\n", " ")))


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _options(ctx: click.Context, params: Sequence[click.Parameter]) -> Iterator[str]:
    for param in params:
        # Each has --help, which click makes when it is first asked for, by whoever asks.
        is_told = isinstance(param, click.Option) and "--help" not in param.opts
        if is_told and (record := param.get_help_record(ctx)):
            names, told = record
            yield from (".TP", _bold(names), _plain(told))


def _bold(text: str) -> str:
    return rf"\fB{_plain(text)}\fR"


def _plain(text: str) -> str:
    """Return a text in which no character means anything to groff."""
    escaped = text.translate(_ESCAPED)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


# Without which groff makes other characters of some, that no shell takes for these.
_ESCAPED = str.maketrans(
    {"\\": r"\e", "-": r"\-", '"': r"\(dq", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


if __name__ == "__main__":
    PLACE.write_text(page())
