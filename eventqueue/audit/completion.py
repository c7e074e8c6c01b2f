"""What may stand in a filter's text where somebody is typing it: fields, and values of those whose values are known.

Of a text that is no filter yet: what is not understood of it is passed over. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from eventqueue.audit.filters import CONDITION, FIELDS, PENDING_PARTS, VALUE, quoted, unquoted
from eventqueue.model.job import State

MOST = 12  # that are suggested
_META = "meta."
_PAST = ("-10m", "-1h", "-24h", "-7d", "today", "yesterday")
_AHEAD = ("now", "+1h", "+24h", "tomorrow")

MEANINGS: Mapping[str, str] = {
    "state": "in this state; several: in any",
    "queue": "of this queue; several: of any",
    "tag": "with this tag; several: with all",
    "task": "of this Python task",
    "command": "with this text in the command",
    "error": "with this text in the last error",
    "fingerprint": "with this kind of last error",
    "key": "with this key",
    "group": "of this group",
    "restart-of": "that takes up this job",
    "worker": "that run on this worker",
    "priority": "of this priority, above or below it",
    "since": "created since; failed, dead, cancelled: that became so",
    "until": "the same, up to this time",
    "created": "created before or after",
    "ended": "completed, died or cancelled before or after",
    "due": "that wait, and are due before or after",
}
_KNOWN: Mapping[str, Sequence[str]] = {
    "state": (*State, *PENDING_PARTS),
    **dict.fromkeys(("since", "until", "created", "ended"), _PAST),
    "due": _AHEAD,
}


class Place(NamedTuple):
    """Where something is typed, and what: from `begin` to `end` it is to be replaced.

    `field`: whose value it is, None: it is a field's name.
    """

    begin: int
    end: int
    typed: str
    field: str | None = None


class Suggestion(NamedTuple):
    """What may stand there: the text that is put there, what is shown, and what it means."""

    text: str
    label: str
    note: str = ""


def place_in(text: str, cursor: int) -> Place:
    """Return what is being typed at `cursor`, characters from the beginning of a text."""
    at = 0
    while at < cursor:
        if text[at].isspace():
            at += 1
            continue
        found = CONDITION.match(text, at)
        if found is None:
            end = _end_of_word(text, at)
            if cursor <= end:
                return Place(at, end, text[at:cursor])
            at = end
            continue
        begin = found.end()
        if cursor < begin:
            return Place(at, begin, text[at:cursor])
        end = _end_of_value(text, begin)
        if cursor <= end:
            field = found["field"] if found["name"] is None else f"{_META}{unquoted(found['name'])}"
            return Place(begin, end, _typed(text[begin:cursor]), field)
        at = end
    return Place(cursor, cursor, "")


def suggestions(place: Place, names: Mapping[str, Iterable[str]]) -> Sequence[Suggestion]:
    """Return what may stand there; `names`: by field the values that there are, where they are not always the same."""
    if place.field is None:
        begun = [one for one in FIELDS if one.startswith(place.typed.lower())]
        found = [Suggestion(f"{one}{how}", f"{one}{how}", MEANINGS[one]) for one in begun for how in _hows(one)]
        meta = [Suggestion(_META, _META, "NAME=VALUE: with this value in meta")]
        return [*found, *(meta if _META.startswith(place.typed.lower()) else ())][: 2 * MOST]
    values = _KNOWN.get(place.field) or names.get(place.field, ())
    return [Suggestion(f"{quoted(one)} ", one) for one in _like(place.typed, values)]


def _hows(field: str) -> Sequence[str]:
    """Return how a value may stand to a field, with one character."""
    return [":" if one == "=" else one for one in FIELDS[field][0] if len(one) == 1]


def _like(typed: str, values: Iterable[str]) -> Sequence[str]:
    """Return the values that begin with what is typed, then those that have it in them, whatever the case."""
    part = typed.casefold()
    within = [one for one in dict.fromkeys(values) if part in one.casefold()]
    return sorted(within, key=lambda one: not one.casefold().startswith(part))[:MOST]


def _end_of_word(text: str, at: int) -> int:
    return next((place for place in range(at, len(text)) if text[place].isspace()), len(text))


def _end_of_value(text: str, begin: int) -> int:
    found = VALUE.match(text, begin)
    if found is not None:
        return found.end()
    is_quoted = text[begin : begin + 1] == '"'  # and never closed: all behind it is of the value
    return len(text) if is_quoted else _end_of_word(text, begin)


def _typed(text: str) -> str:
    if text.startswith('"') and (len(text) < 2 or not text.endswith('"')):
        text += '"'
    return unquoted(text)
