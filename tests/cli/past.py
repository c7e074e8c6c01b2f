"""What has happened to jobs before a test begins, without workers: events appended to their streams."""

from datetime import timedelta

from eventqueue.api.queue import Queue
from eventqueue.model.codec import seal
from eventqueue.model.events import Captured, Completed, Error, Event, Failed, FailReason, Output, stream_of
from eventqueue.mongo.outputs import Kept
from eventqueue.ports.log import Append
from tests.builders import DEAD_LETTERED, claimed

SECOND = timedelta(seconds=1)


def happened(queue: Queue, job_id: str, *events: Event) -> None:
    """Append the events to a job's history, each a second after the one before."""
    stream = stream_of("job", job_id)
    log = queue.connection.ground.log
    for event in events:
        head = log.read(stream)[-1].head
        assert head.at
        (result,) = log.append([Append(seal(stream, head, [event], actor="worker/test", now=head.at + SECOND))])
        assert result.is_whole


def completed(queue: Queue, job_id: str, stdout: bytes = b"done\n") -> None:
    """The job ran once, and wrote `stdout`."""
    output = wrote(stdout)
    happened(queue, job_id, claimed(), Completed(exit_code=0, duration=0.25, output=output))
    keep(queue, job_id, claim=2, stdout=stdout)


def died(queue: Queue, job_id: str, message: str = "exit code 3") -> None:
    """The job's only attempt failed."""
    failure = Failed(reason=FailReason.ERROR, error=Error(type="exit-code", message=message), exit_code=3)
    happened(queue, job_id, claimed(), failure, DEAD_LETTERED)


def wrote(stdout: bytes, length: int | None = None) -> Output:
    """What an event says of an output of which `stdout` is the end."""
    text = stdout[-1024:].decode(errors="backslashreplace")
    return Output(stdout=Captured(text=text, length=len(stdout) if length is None else length))


def keep(queue: Queue, job_id: str, *, claim: int, stdout: bytes, stderr: bytes = b"", attempt: int = 1) -> None:
    """The tails that are kept of an attempt."""
    queue.connection.outputs.put([Kept(job_id=job_id, claim=claim, attempt=attempt, stdout=stdout, stderr=stderr)])
