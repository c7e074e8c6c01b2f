"""Who runs this process, as the machine knows it."""

import os
import pwd
from socket import gethostname


def user_here() -> str:
    """Return the name of this process's user, by its number: what `LOGNAME` and its like say, anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a number may have no name
        return str(os.getuid())


def actor_of(tool: str) -> str:
    """Return as who a person acts here, such as `cli/ann@web-1`."""
    return f"{tool}/{user_here()}@{gethostname()}"


def signed(actor: str, user: str | None) -> str:
    """Return an actor with the database's user, None where the server asks for none: this it has proven, to the server.

    The last ` as ` is ours, so whatever an actor calls itself, nobody acts as another user.
    """
    return actor if user is None else f"{actor} as {user}"
