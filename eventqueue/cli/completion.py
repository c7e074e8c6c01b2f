"""`queuectl completion`: the script that teaches a shell to complete queuectl's commands and options."""

import click

from eventqueue.cli.options import command
from eventqueue.cli.values import Choice


@command("completion")
@click.argument("shell", type=Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    echo 'eval "$(queuectl completion bash)"' >> ~/.bashrc
    echo 'eval "$(queuectl completion zsh)"' >> ~/.zshrc
    queuectl completion fish > ~/.config/fish/completions/queuectl.fish
    """
    from click.shell_completion import get_completion_class

    from eventqueue.cli.root import COMPLETE, NAME, root

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root, {}, NAME, COMPLETE).source())
