"""One job: found by a part of its id, as the log has it, and what its worker is about to do with it."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from eventqueue.api.arguments import check_limit, check_text
from eventqueue.api.bulk import Act, act_of
from eventqueue.api.connected import Connected
from eventqueue.errors import AmbiguousId, JobNotFound, QueueError, Refused
from eventqueue.log.loading import load
from eventqueue.model.acts import CATEGORY as ACT
from eventqueue.model.ends import is_end, is_ours, no_end
from eventqueue.model.events import Claimed, Recorded, name_in, stream_of
from eventqueue.model.job import Job, State
from eventqueue.model.names import meant
from eventqueue.ports.views import ENDS_MAX, Filter

NEWEST = 200  # jobs of which one may be meant by a wrong id


class Jobs:
    """The jobs of one database, each by its whole id; see Queue."""

    def __init__(self, connection: Connected) -> None:
        self._connection = connection
        self._log = connection.ground.log

    def resolve(self, prefix: str) -> str:
        """See Queue.resolve."""
        found = [name_in(stream) for stream in self._log.find_streams(stream_of("job", check_text(prefix, "id")), 2)]
        if is_end(prefix) and prefix not in found:
            found += [one for one in self._connection.views.ending(prefix, 2) if one not in found]
        if not found or not prefix:
            raise JobNotFound(prefix, self._meant(prefix) or no_end(prefix, ENDS_MAX))
        if len(found) > 1 and found[0] != prefix:
            raise AmbiguousId(prefix, found[0], found[1])
        return found[0]

    def _meant(self, wrong: str) -> str:
        """Return which of the newest jobs may be meant, of those that somebody has named: other ids are all alike."""
        with suppress(QueueError):
            newest = self._connection.views.ids(Filter(limit=NEWEST))
            return meant(wrong, [one for one in newest if not is_ours(one)])
        return ""

    def get(self, job_id: str) -> Job:
        """See Queue.get."""
        job = load(self._log, self._connection.finder, name_in(stream_for(job_id)))
        if job is None:
            raise JobNotFound(job_id)
        return job

    def history(self, job_id: str, last: int | None, before: int | None) -> list[Recorded]:
        """See Queue.history."""
        check_part(last, before)
        stream = stream_for(job_id)
        if last is None and before is None:
            found = self._log.read(stream)
            if not found:
                raise JobNotFound(job_id)
            return found
        if (newest := self._log.read_last(stream)) is None:
            raise JobNotFound(job_id)
        begin, end = part_of(newest.version, last, before)
        return self._log.read(stream, begin, end - begin) if begin < end else []

    def act(self, act_id: str) -> Act:
        """See Queue.act."""
        found = act_of(act_id, self._log.read(stream_of(ACT, check_text(act_id, "act_id"))))
        if found is None:
            raise Refused(f"No act {act_id!r}: `queuectl events --type act-begun` lists them.")
        return found

    def stored(self, job_id: str) -> Sequence[bytes]:
        """Return a job's events as they are stored. Raises JobNotFound."""
        found = self._log.read_raw(stream_for(job_id))
        if not found:
            raise JobNotFound(job_id)
        return found

    def ending(self, job_id: str) -> Claimed | None:
        """See Queue.ending."""
        job = self.get(job_id)
        if job.state is not State.CANCELLED:
            return None
        before, *_ = self._log.read(job.stream, max(0, job.version - 2))
        lease = self._connection.settings["lease"].value
        assert isinstance(lease, int | float)
        is_recent = self._connection.ground.clock.now() - job.updated_at < timedelta(seconds=lease)
        if not is_recent or not isinstance(before.event, Claimed):
            return None
        return before.event if self._connection.outputs.get(job.id, before.version) is None else None

    def silent_since(self, job: Job) -> datetime | None:
        """See Queue.silent_since."""
        if job.worker is None:
            return None
        found = self._connection.incarnations.get([job.worker]).get(job.worker)
        return None if found is None or found.is_live else found.renewed_at


def check_part(last: int | None, before: int | None) -> None:
    """Refuse a part of a history that would be none. Raises InvalidInput."""
    for name, value in (("last", last), ("before", before)):
        if value is not None:
            check_limit(value, name)


def part_of(newest: int, last: int | None, before: int | None) -> tuple[int, int]:
    """Return the version behind which a part of a history of `newest` events begins, and the last that is in it."""
    end = newest if before is None else min(newest, before - 1)
    return (0 if last is None else max(0, end - last)), end


def stream_for(job_id: str) -> str:
    """Return the stream of a job whose id a caller gave. Raises InvalidInput for one that is no text."""
    return stream_of("job", check_text(job_id, "id"))
