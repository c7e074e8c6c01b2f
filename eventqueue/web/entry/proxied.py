"""Who asks, where a proxy says so: it has let them in, names them in a header, and shows a token of ours as it does.

Without the token anybody on this machine could be anybody.
"""

import re

from starlette.types import Scope

from eventqueue.api.arguments import check_actor
from eventqueue.errors import InvalidInput, Misconfigured
from eventqueue.web.entry.keys import Keys
from eventqueue.web.entry.roles import Visitor, actor_of

NAMES = re.compile(r"[A-Za-z0-9-]{1,100}")
OTHERS = frozenset({"authorization", "connection", "content-length", "cookie", "host", "origin", "transfer-encoding"})


def check_header(name: str) -> str:
    """Return the name of the header in lower case. Raises Misconfigured for one that can name no user."""
    found = name.lower()
    if not NAMES.fullmatch(name) or found in OTHERS or found.startswith("sec-"):
        raise Misconfigured(f"{name!r} is no header that names a user: give one such as X-Forwarded-User.")
    return found


def named_by_proxy(scope: Scope, keys: Keys, header: str) -> Visitor | str:
    """Return who asks, or a sentence on why nobody is let in."""
    scheme, _, token = _one(scope, "authorization").partition(" ")
    role = keys.role_of(token.strip()) if scheme.lower() == "bearer" else None
    if role is None:
        return "This page is behind a proxy, which has to show its token: open it there."
    user = _one(scope, header)
    try:
        check_actor(actor_of(user))
    except InvalidInput:
        user = ""
    if not user.isprintable() or not user:
        return f"The proxy has to name who asks in {header}, once, and in characters that print."
    return Visitor(role, user)


def _one(scope: Scope, name: str) -> str:
    """Return the text of a header that came once, empty otherwise: of two, who knows which is the proxy's?"""
    found = [value for key, value in scope["headers"] if key.decode("latin-1") == name]
    try:
        return found[0].decode().strip() if len(found) == 1 else ""
    except UnicodeDecodeError:
        return ""
