"""Where a request comes from, as the browser tells, which no page can have it do otherwise.

Pages of other ports of this machine are of the same *site* as ours and have our cookie sent, so nothing less than the
same origin is ours.
"""

import re

from starlette.datastructures import Headers
from starlette.types import Scope

LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def is_of_our_page(scope: Scope, headers: Headers) -> bool:
    """Whether a page of this very origin sent it; of a browser that does not tell, its older `Origin` is believed."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scope['scheme']}://{headers.get('host')}"


def is_to_be_read(headers: Headers) -> bool:
    """Whether a person opens what is asked for, or a page of ours takes it into itself; pages of others may not.

    What is no browser says nothing of it.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def local(address: str) -> str:
    """Return an address if it is one of ours: `//elsewhere` would not be."""
    return address if LOCAL.fullmatch(address) else "/"
