"""What a ticker knows of a schedule after it has told of ticks that become no jobs."""

from eventqueue.api.queue import Queue
from eventqueue.schedules.events import Overlap, SchedulePaused, ScheduleResumed, SkipReason, TickSkipped
from eventqueue.schedules.missed import skipped
from eventqueue.schedules.ticks import job_id, stream_for
from eventqueue.steering.schedules import gone_on, look
from eventqueue.ticking.choosing import Choosing
from eventqueue.ticking.course import Course
from tests.ticking.conftest import happened, hourly, told


def test_a_schedule_that_somebody_changed_while_ticks_were_told_of_is_looked_at_anew(queue: Queue) -> None:
    ground = queue.connection.ground
    ticks = hourly(queue, overlap=Overlap.SKIP)
    seen = look(ground.log, "a")
    course = Course(seen, ticks[-1])
    happened(queue, stream_for("a"), SchedulePaused(), ScheduleResumed(), at=ground.clock.now())

    Choosing(ground, "ticker/test").tell(course, skipped(SkipReason.OVERLAP, ticks[1:], job=job_id("a", ticks[0])))

    assert isinstance(told(queue)[-1], TickSkipped)
    # Else it would be taken for one that is known as it stands, though nobody has looked at what happened before.
    assert course.schedule == seen
    assert [*gone_on(ground.log, [course.schedule])] == ["a"]


def test_a_schedule_of_which_ticks_were_told_alone_is_known_as_it_stands(queue: Queue) -> None:
    ground = queue.connection.ground
    ticks = hourly(queue, overlap=Overlap.SKIP)
    course = Course(look(ground.log, "a"), ticks[-1])

    Choosing(ground, "ticker/test").tell(course, skipped(SkipReason.OVERLAP, ticks[1:], job=job_id("a", ticks[0])))

    assert course.schedule.held_by == job_id("a", ticks[0])
    assert not gone_on(ground.log, [course.schedule])
