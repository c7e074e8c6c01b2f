"""What a form says of a job like another one: what comes back from it as it is, and nothing that would be another."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.events import Call, Shell
from eventqueue.model.job import Job
from eventqueue.system.printable import clean, clean_json
from eventqueue.web.acting.changes import Read, changes
from eventqueue.web.drawing.rendering import typed

LONG = frozenset({"command", "args", "kwargs"})  # fields of several lines


def alike(
    job: Job, fields: Mapping[str, tuple[str, str, Read]], now: datetime
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Return the texts in the fields of a form for a job like this one, and the labels of what cannot be typed there.

    As a tag with a comma in it, or a directory with what does not print.
    """
    said = {name: (text, value) for name, text, value in _said(job)}
    given = {name: text for name, (text, value) in said.items() if _read(name, text, fields, now) == value}
    return given, [fields[name][0] for name in said if name not in given]


def _said(job: Job) -> Iterator[tuple[str, str, object]]:
    """Yield what a form may say of a job: by which field, as which text, for what; its environment may be secret."""
    match job.run:
        case Shell(command=command, cwd=cwd):
            yield "command", command, command.strip()  # blanks round it say nothing to a shell
            if cwd is not None:
                yield "cwd", cwd, cwd
        case Call(task=task, args=args, kwargs=kwargs):
            yield "task", task, task
            for name, given in (("args", args), ("kwargs", kwargs)):
                if given:
                    yield name, clean_json(msgspec.json.encode(given).decode()), given
    for name, number in (("priority", job.priority), ("max_retries", job.max_retries)):
        yield name, str(number), number
    yield "queue", job.queue, job.queue
    if job.timeout is not None:
        yield "timeout", f"{Decimal(repr(job.timeout)).normalize():f}s", job.timeout  # whatever its size
    if job.tags:
        yield "tags", ", ".join(job.tags), [*job.tags]


def _read(field: str, text: str, fields: Mapping[str, tuple[str, str, Read]], now: datetime) -> object:
    """Return what a text is read as, once a page has shown it and a browser has sent it; None: as nothing."""
    sent = typed(text) if field in LONG else clean(text)
    try:
        return changes({field: sent}, now, fields).get(field)
    except InvalidInput:
        return None
