"""A filter's text with one condition more or less, all else of it as it was typed: `-2h` goes on to be seen from now.

So whoever looks at jobs chooses among what there is by a click. Pure.
"""

from eventqueue.audit.filters import PENDING_PARTS, conditions, quoted

ANY = ("state", "queue")  # of which any may hold
EVERY = ("tag",)  # of which all must


def added(text: str, field: str, value: str) -> str:
    """Return the text that asks for this, too: of a state or a queue besides, of a tag as well, of all else instead.

    Raises InvalidInput for a text that is no filter.
    """
    if value in asked_of(text, field):
        return text.strip()
    if field == "state":  # of those that wait, a part, beside which there can be no other state
        for part in PENDING_PARTS:
            text = without(text, field, part)
    left = text.strip() if field in (*ANY, *EVERY) else without(text, field)
    return f"{left} {field}:{quoted(value)}".strip()


def without(text: str, field: str, value: str | None = None) -> str:
    """Return the text without what it asks for of a field: this value, or whatever. Raises InvalidInput, as `added`."""
    left = (one for one in conditions(text) if one.field != field or one.how != "=" or value not in (None, one.value))
    return " ".join(text[one.begin : one.end] for one in left)


def asked_of(text: str, field: str) -> tuple[str, ...]:
    """Return the values that a text asks for of a field, each once. Raises InvalidInput, as `added`."""
    return tuple(dict.fromkeys(one.value for one in conditions(text) if one.field == field and one.how == "="))
