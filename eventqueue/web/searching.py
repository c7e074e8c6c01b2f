"""What is searched for: a filter as it was typed into the field of a page, as the command line has it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventqueue.api.arguments import fitting
from eventqueue.audit.filters import is_condition, parse
from eventqueue.errors import AmbiguousId, InvalidInput, JobNotFound
from eventqueue.ports.views import Filter
from eventqueue.system.zones import zone
from eventqueue.web.asked import Asked

TEXT_MAX = 4000  # characters


class Search(msgspec.Struct, frozen=True):
    """A text, and the filter that it is; `problem`: why it is none, in a sentence; `job`: whose id it is instead."""

    text: str
    wanted: Filter = Filter()
    problem: str | None = None
    job: str | None = None


def searched(asked: Asked) -> Search:
    """Return what a page is asked for by its `q`; times such as `-2h` are seen from the time that one looks at."""
    text = asked.query.get("q", "").strip()
    try:
        if len(text) > TEXT_MAX:
            raise InvalidInput("", f"A filter has {TEXT_MAX:,} characters at most: this one has {len(text):,}.")
        return Search(text, _filter(asked, parse(text, asked.time, zone)))
    except InvalidInput as error:
        job, other = _job(asked, text)
        return Search(text[:TEXT_MAX], problem=f"{_sentence(error)}{other}", job=job)


def _filter(asked: Asked, fields: Mapping[str, Any]) -> Filter:
    return fitting(Filter(**fields, scan="scan" in asked.query))


def _job(asked: Asked, text: str) -> tuple[str | None, str]:
    """Return the id of the job that is meant by one word that is no condition, or what is said of it as an id."""
    if not text or len(text) > TEXT_MAX or len(text.split()) != 1 or is_condition(text):
        return None, ""
    try:
        return asked.queue.resolve(text), ""
    except (AmbiguousId, JobNotFound) as error:
        return None, f" {error}"


def _sentence(error: InvalidInput) -> str:
    problem = error.problem if error.field in ("filter", "") else str(error)
    return f"{problem[:1].upper()}{problem[1:].rstrip('.')}."
