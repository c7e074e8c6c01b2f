"""The global options, which every command and every group takes: each may stand before or after the command.

What is nearest to the command wins; the environment only counts where no option is given.
"""

from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource

from eventqueue.cli.values import TEXT

DB = "queuectl"
_KEY = "eventqueue.cli."


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    assert param.name is not None
    typed = ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    if typed or (value is not None and _KEY + param.name not in ctx.meta):
        ctx.meta[_KEY + param.name] = value


def given(ctx: click.Context, name: str) -> Any:
    """Return the value of a global option, None where it is not given."""
    return ctx.meta.get(_KEY + name)


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, **attributes)


GLOBAL = (
    _option(
        "--uri",
        type=TEXT,
        envvar="QUEUECTL_URI",
        metavar="URI",
        help="MongoDB replica set to use [env: QUEUECTL_URI; default: the local server, started if need be].",
    ),
    _option(
        "--db",
        type=TEXT,
        envvar="QUEUECTL_DB",
        metavar="NAME",
        help=f"Database to use [env: QUEUECTL_DB; default: {DB}].",
    ),
    _option("--json", "as_json", is_flag=True, default=None, help="Print JSON, and JSON alone, on stdout."),
    _option("--quiet", is_flag=True, default=None, help="Print the bare answer: no check marks, notes or progress."),
)


class Command(click.Command):
    """A command with the global options, in a help section of their own."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """See click.Command."""
        return [*super().get_params(ctx), *GLOBAL]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click.Command."""
        own = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and param not in GLOBAL]
        _write(ctx, formatter, "Options", own)
        _write(ctx, formatter, "Global options", GLOBAL)


class Group(Command, click.Group):
    """A group of commands with the global options; without a command it shows its help."""

    command_class = Command

    def __init__(self, *args: Any, **attributes: Any) -> None:
        attributes |= {"invoke_without_command": True, "callback": _help_if_alone}
        super().__init__(*args, **attributes)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click.Command."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.pass_context
def _help_if_alone(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _write(ctx: click.Context, formatter: click.HelpFormatter, title: str, params: Sequence[click.Parameter]) -> None:
    rows = [row for param in params if (row := param.get_help_record(ctx))]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)


def command(name: str, cls: type[Command] = Command, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """As `click.command`, with the global options."""
    return click.command(name, cls=cls, **attributes)
