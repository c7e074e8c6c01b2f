"""Setting the schedules that stand in the code of the modules that a worker imports."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from eventqueue.api.scheduling import Scheduling
from eventqueue.connect import Connection
from eventqueue.errors import InvalidInput
from eventqueue.model.settings import job_defaults
from eventqueue.model.spec import Request, request
from eventqueue.schedules.schedule import IN_CODE
from eventqueue.tasks.planned import Planned


def set_planned(connection: Connection, planned: Sequence[Planned], by: str) -> None:
    """Set these schedules, in the name of who starts the worker: what stands like that already stays as it is.

    Raises InvalidInput for one that is none, which names it.
    """

    def check(fields: Mapping[str, Any]) -> Request:
        return request(fields, job_defaults(connection.settings, None))

    scheduling = Scheduling(replace(connection, actor=by), check)
    for one in planned:
        try:
            scheduling.put(
                one.name,
                one.fields,
                cron=one.cron,
                every=one.every,
                tz=one.tz,
                missed=one.missed,
                overlap=one.overlap,
                why=IN_CODE,
            )
        except InvalidInput as error:
            raise InvalidInput("", f"Schedule {one.name} cannot be: {error}.") from None
