"""The tokens that let in, by role: new ones for each start, or those of the environment, as a proxy has to know them.

They are given by no argument, which everybody on the machine can read.
"""

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from eventqueue.errors import Misconfigured
from eventqueue.web.entry.roles import Role

OPERATOR, VIEWER = "QUEUECTL_WEB_TOKEN", "QUEUECTL_WEB_VIEWER_TOKEN"
MADE_BYTES = 24  # of chance in one that is made here: 32 characters
DIFFERENT_MIN = 10  # characters of one that is given: `aaaa…` is long, too
FIT = re.compile(r"[A-Za-z0-9._~+/=-]{24,500}")  # as `Authorization: Bearer` and a cookie have it


class Keys(NamedTuple):
    """The tokens by role; None: nobody has this role."""

    viewer: str | None
    operator: str | None

    def role_of(self, token: str) -> Role | None:
        """Return the role of who shows this token, None of nobody."""
        for role, key in ((Role.OPERATOR, self.operator), (Role.VIEWER, self.viewer)):
            if key is not None and secrets.compare_digest(token.encode(), key.encode()):
                return role
        return None


def keys_of(environ: Mapping[str, str], *, read_only: bool, is_proxied: bool) -> Keys:
    """Return the tokens of the environment, and new ones for those that it does not have; behind a proxy none for them.

    Raises Misconfigured for a weak one, for one that is to be both, and where a proxy has none to show.
    """
    operator, viewer = (_given(environ, name) for name in (OPERATOR, VIEWER))
    if operator is not None and operator == viewer:
        raise Misconfigured(f"{OPERATOR} and {VIEWER} are the same: who looks only could act. Give two.")
    if not is_proxied:
        operator, viewer = operator or _made(), viewer or _made()
    found = Keys(viewer, None if read_only else operator)
    if found == (None, None):
        name = VIEWER if read_only else f"{OPERATOR}, {VIEWER} or both"
        raise Misconfigured(f"A proxy has to show a token, so that nobody else names a user: set {name}.")
    return found


def _made() -> str:
    return secrets.token_urlsafe(MADE_BYTES)


def _given(environ: Mapping[str, str], name: str) -> str | None:
    token = environ.get(name)
    if not token:
        return None
    if not FIT.fullmatch(token) or len(set(token)) < DIFFERENT_MIN:
        raise Misconfigured(
            f"{name} is not fit to be a token: it needs 24 letters, digits and -._~+/= at least, by chance, as"
            " `openssl rand -hex 24` makes them."
        )
    return token
