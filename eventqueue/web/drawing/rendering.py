"""Templates: whatever they print is escaped, and has no character in it that does not print."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eventqueue.audit.filters import quoted
from eventqueue.model.ends import shown_among
from eventqueue.system.printable import clean, clean_lines
from eventqueue.telling.words import apart, count, far, instant, shortened, span
from eventqueue.telling.zone import moment
from eventqueue.web.drawing.drawn import class_of, told_of
from eventqueue.web.drawing.written import Piece

PAGES = (  # path, name, and the key that goes there after `g`
    ("/", "Overview", "o"),
    ("/jobs", "Jobs", "j"),
    ("/queues", "Queues", "q"),
    ("/schedules", "Schedules", "s"),
    ("/workers", "Workers", "w"),
    ("/dead", "Dead letters", "d"),
    ("/projections", "Projections", "p"),
    ("/audit", "Audit", "a"),
)


def make_environment() -> Environment:
    """Return where the templates of all pages are made."""
    made = Environment(
        loader=PackageLoader("eventqueue.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Callable[..., object]] = {
        "apart": apart,
        "coloured": _coloured,
        "count": count,
        "far": far,
        "instant": instant,
        "lasts": lambda time: span(max(0.0, time.total_seconds())),  # of what began after the page was asked for
        "lines": lambda text: Markup("{}").format(_Lines(text)),
        "moment": partial(moment, timespec="seconds"),
        "ms": lambda at: round(at.timestamp() * 1000),
        "quoted": quoted,
        "short": shown_among(()),  # an id by its end, by which it is found
        "number": lambda number: f"{number:,}",
        "phase": told_of,
        "phase_class": class_of,
        "shortened": shortened,
        "span": span,
        "typed": lambda text: Markup("{}").format(_Lines(text, is_typed=True)),
    }
    made.filters.update(filters)
    made.globals["pages"] = PAGES
    return made


def _coloured(pieces: Sequence[Piece]) -> Markup:
    """Return what a job wrote in its colours; of very many pieces each is made once, and not by a template."""
    span = Markup('<span class="{}">{}</span>')
    return Markup("").join(span.format(one.classes, one.text) if one.classes else one.text for one in pieces)


def typed(text: str) -> str:
    """Return a text as it may stand in a field: what people type into one is as they typed it, with its tabs."""
    return "\t".join(map(clean_lines, text.replace("\r\n", "\n").split("\t")))


class _Lines:
    """A text whose lines stay apart."""

    def __init__(self, text: str, *, is_typed: bool = False) -> None:
        self._text, self._is_typed = text, is_typed

    def __str__(self) -> str:
        return typed(self._text) if self._is_typed else clean_lines(self._text)


def _fit(value: Any) -> Any:
    """Make what a template prints fit to be seen; what is markup already was made by templates."""
    match value:
        case Markup():
            return value
        case None:
            return ""
        case str():
            return clean(value)
        case datetime():
            return moment(value, "seconds")
        case _:
            return value
