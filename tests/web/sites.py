"""A page that is served, as tests know it."""

from typing import NamedTuple

from eventqueue.web.house import House
from eventqueue.web.keys import Keys


class Site(NamedTuple):
    """Where it is, by what tokens it lets in, and what its requests share."""

    url: str
    keys: Keys
    house: House
