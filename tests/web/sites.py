"""A page that is served, as tests know it."""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.routing import BaseRoute

from eventqueue.web.house import House
from eventqueue.web.keys import Keys


class Site(NamedTuple):
    """Where it is, by what tokens it lets in, what its requests share, and which pages and acts it has."""

    url: str
    keys: Keys
    house: House
    routes: Sequence[BaseRoute] = ()
