"""The global options, which every command and every group takes: each may stand before or after the command.

What is nearest to the command wins; the environment only counts where no option is given.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource

from eventqueue.cli.values import TEXT, Named
from eventqueue.errors import InvalidInput, has_secret

DB = "queuectl"
_KEY = "eventqueue.cli."
_TYPED = f"{_KEY}typed"  # whether --uri stands in the command line, which everybody here can read


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    assert param.name is not None
    typed = ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    if typed and param.name == "uri":
        ctx.meta[_TYPED] = True
    if typed or (value is not None and _KEY + param.name not in ctx.meta):
        ctx.meta[_KEY + param.name] = value


def given(ctx: click.Context, name: str) -> Any:
    """Return the value of a global option, None where it is not given."""
    return ctx.meta.get(_KEY + name)


def ask_for_json(ctx: click.Context) -> None:
    """Have it as if --json were given."""
    ctx.meta[f"{_KEY}as_json"] = True


def given_uri(ctx: click.Context) -> str | None:
    """Return the URI asked for by --uri, --uri-file or the environment, None where there is none.

    Raises click.UsageError for both options at once, and for a password, which would be in the list of processes;
    InvalidInput for a file that holds no URI.
    """
    uri, file = given(ctx, "uri"), given(ctx, "uri_file")
    is_typed = ctx.meta.get(_TYPED, False)
    if file is not None and is_typed:
        raise click.UsageError("Give --uri or --uri-file, not both")
    if file is not None:
        return uri_in(file)
    if is_typed and has_secret(uri):
        raise click.UsageError(
            "Everybody here could read the password of --uri in the list of processes: "
            "put the URI into QUEUECTL_URI or into a file for --uri-file"
        )
    return str(uri) if uri is not None else None


def uri_in(file: str) -> str:
    """Return the URI on the first line of a file. Raises InvalidInput, or OSError where it cannot be read."""
    try:
        with open(file, encoding="utf-8") as lines:
            found = lines.readline().strip()
    except UnicodeDecodeError:
        found = ""
    if not found:
        raise InvalidInput("uri-file", f"{file!r} holds no URI on its first line")
    return found


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
        "--uri-file",
        type=TEXT,
        metavar="FILE",
        help="File with that URI, which may hold a password, as its first line.",
    ),
    _option(
        "--db",
        type=TEXT,
        envvar="QUEUECTL_DB",
        metavar="NAME",
        help=f"Database to use [env: QUEUECTL_DB; default: {DB}].",
    ),
    _option("--json", "as_json", is_flag=True, default=None, help="Print JSON, and JSON alone, on stdout."),
    _option(
        "--quiet", "-q", is_flag=True, default=None, help="Print the bare answer, with no marks, notes or progress."
    ),
    _option("--local", is_flag=True, default=None, help="Show times in this machine's zone; JSON has UTC."),
    _option("--no-pager", is_flag=True, default=None, help="Do not show what is longer than the screen in a pager."),
)


def option_of(ctx: click.Context, field: str) -> click.Option | None:
    """Return the option by which a field of a request was typed here, None where it was not."""
    whole = re.split(r"[.\[]", field)[0]  # of `tags[0]`, of `backoff.base`
    names = {f"--{re.sub('[._]', '-', field)}", f"--{whole.replace('_', '-')}"}
    for param in ctx.command.get_params(ctx):
        is_typed = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if (
            is_typed
            and isinstance(param, click.Option)
            and (param.name in (field, whole) or not names.isdisjoint(param.opts))
        ):
            return param
    return None


@contextmanager
def said_by(option: str) -> Iterator[None]:
    """Have what is refused meanwhile be of this option, whatever it is called where it is refused."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(option, error.problem) from error


def _look_up(ctx: click.Context) -> None:
    """Put what is meant in the place of what was typed, where that may stand for something else."""
    for param in ctx.command.params:
        name, type_ = param.name, param.type
        if name is None or not isinstance(type_, Named):
            continue
        value = ctx.params.get(name)
        if isinstance(value, str):
            ctx.params[name] = type_.meant(ctx, value)
        elif isinstance(value, tuple):
            ctx.params[name] = tuple(type_.meant(ctx, one) for one in value)


class Command(click.Command):
    """A command with the global options, in a help section of their own."""

    def invoke(self, ctx: click.Context) -> Any:
        """See click.Command. What is refused of what an option said is wrong usage, by the option's name."""
        _look_up(ctx)
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            if (option := option_of(ctx, error.field)) is None:
                raise
            raise click.UsageError(f"{option.opts[0]}: {error.problem}", ctx) from error

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


with_why = click.option("--why", type=TEXT, help="The reason, which the log keeps.")
show_env = click.option("--show-env", is_flag=True, help="Show the values of environment variables, too.")
