"""The root command: which command is in which module, imported only once it is called."""

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from typing import Any

import click

from eventqueue import __version__
from eventqueue.cli.options import Group
from eventqueue.cli.render.terminal import note
from eventqueue.system.streams import prepare_streams

NAME = "queuectl"
COMPLETE = "_QUEUECTL_COMPLETE"  # set by a shell that asks for completions

# Help section -> command -> module and attribute in it.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Jobs": {
        "enqueue": "enqueue:enqueue",
        "list": "jobs:list_",
        "count": "count:count",
        "show": "jobs:show",
        "why": "why:why",
        "history": "jobs:history",
        "logs": "logs:logs",
        "errors": "errors:errors",
        "wait": "waiting:wait",
        "cancel": "actions:cancel",
        "retry": "actions:retry",
        "restart": "restart:restart",
        "set": "amending:set_",
        "run-now": "amending:run_now",
        "dlq": "dlq:dlq",
    },
    "Running": {
        "worker": "worker:worker",
        "tasks": "tasks:tasks",
        "queue": "queue:queue_",
        "schedule": "schedule:schedule",
        "projector": "projector:projector",
        "projections": "projections:projections",
        "status": "status:status",
        "stats": "stats:stats",
        "top": "top:top",
        "web": "web:web",
        "metrics": "metrics:metrics",
        "config": "config:config",
    },
    "Proving": {
        "events": "events:events",
        "replay": "replay:replay",
        "diff": "diff:diff",
        "simulate": "simulate:simulate",
        "audit": "audit:audit",
    },
    "The database": {"db": "db:db", "doctor": "doctor:doctor"},
    "The shell": {"completion": "completion:completion"},
}
ALIASES: Mapping[str, str] = {"worker:start": "worker:start"}


class Root(Group):
    """queuectl itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """See click.Group."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click passes it
        """See click.Group."""
        places = {name: place for commands in SECTIONS.values() for name, place in commands.items()}
        place = places.get(cmd_name) or ALIASES.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        found: click.Command = getattr(import_module(f"eventqueue.cli.{module}"), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click.Group: which would suggest none of those that are not imported yet."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click.Group."""
        width = formatter.width - 4 - max(map(len, self.list_commands(ctx)))
        for title, commands in SECTIONS.items():
            found = {name: self.get_command(ctx, name) for name in commands}
            with formatter.section(title):
                formatter.write_dl([(name, one.get_short_help_str(width)) for name, one in found.items() if one])


root = Root(
    NAME,
    help="""A job queue whose ground state is an append-only event log in MongoDB.

    \b
    queuectl enqueue '{"command": "echo hello world"}'
    queuectl enqueue --queue mail --delay 10m -- ./send --all
    queuectl worker start --count 2
    queuectl status
    """,
    context_settings={  # of all commands below it, too
        "help_option_names": ["--help", "-h"],
        "token_normalize_func": lambda word: word.replace("_", "-"),  # --max_retries is as good as --max-retries
    },
    params=[
        click.Option(
            ["--version", "-V"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda ctx, _, value: _show_version(ctx, value),
            help="Show the version.",
        )
    ],
)


def invoke(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; raises whatever stops it."""
    prepare_streams()
    warnings.showwarning = _say_warning
    if instruction := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        with redirect_stderr(StringIO()):  # the driver's threads tell there, too, what they were kept from
            return shell_complete(root, {}, NAME, COMPLETE, instruction)
    with root.make_context(NAME, list(args)) as ctx:
        return root.invoke(ctx) or 0


def _show_version(ctx: click.Context, is_asked: bool) -> None:
    if is_asked:
        click.echo(f"{NAME} {__version__}")
        ctx.exit()


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A library's warning, of an unknown option in the URI say, in the form of all else that is said."""
    note(str(message))
