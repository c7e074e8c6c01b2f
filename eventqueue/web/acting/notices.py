"""What is told once, on the page that follows an act; kept here: an address is no place for the words of others."""

import secrets
from threading import Lock

import msgspec

NOTICES_MAX = 1000


class Notice(msgspec.Struct, frozen=True):
    """A sentence that is told once; `is_refusal`: nothing was done, or that is not known."""

    sentence: str
    is_refusal: bool = False


class Notices:
    """The newest so many, each by a key that nobody guesses."""

    def __init__(self) -> None:
        self._kept: dict[str, Notice] = {}
        self._lock = Lock()

    def keep(self, notice: Notice) -> str:
        """Return the key by which it is asked for."""
        key = secrets.token_urlsafe(9)
        with self._lock:
            self._kept[key] = notice
            while len(self._kept) > NOTICES_MAX:
                del self._kept[next(iter(self._kept))]
        return key

    def get(self, key: str | None) -> Notice | None:
        """Return what is to be told, None where there is nothing."""
        return None if key is None else self._kept.get(key)
