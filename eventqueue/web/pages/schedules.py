"""The schedules: when each ticks, what became of its last ticks, and what was done to it."""

from collections.abc import Sequence

from msgspec.structs import replace

from eventqueue.api.scheduling import Rescheduled, Scheduled
from eventqueue.errors import ScheduleNotFound
from eventqueue.schedules.ticks import stream_for
from eventqueue.telling import documents
from eventqueue.telling import schedules as telling
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.slices import slice_of
from eventqueue.web.drawing.told import history
from eventqueue.web.page import Shown

TICKS, RUNS, EVENTS = 5, 20, 50
AS_TEXT = ("command", "task", "args", "kwargs")  # what `runs` tells


def show(asked: Asked) -> Shown:
    """Show all schedules; what became of their last ticks is found out of those alone that are shown."""
    shown = slice_of(asked, _all(asked))
    if asked.then is None and shown.rows:
        names = frozenset(one.name for one in shown.rows)
        told = asked.once(("schedules", names), lambda: asked.queue.schedules(last_of=names))
        shown = replace(shown, rows=[one for one in told if one.name in names])
    return Shown("schedules.html", "Schedules", {"slice": shown, "when_of": telling.when_of, "runs": telling.runs})


def show_one(asked: Asked) -> Shown:
    """Show one: its next ticks, its last jobs, and what was done to it."""
    name = asked.path["name"]
    one = _one(asked, name)
    runs = () if asked.then else asked.once(("runs", name), lambda: asked.queue.schedule_runs(name, RUNS))
    return Shown(
        "schedule.html",
        f"Schedule {name}",
        {
            "one": one,
            "fields": list(_fields(one)),
            "when": telling.when_of(one),
            "runs": telling.runs(one.fields),
            "ticks": () if asked.then or one.problem else asked.queue.next_ticks(name, TICKS),
            "there": lambda at: telling.by_its_clock(one, at),
            "made": runs,
            "history": history(asked, stream_for(name), EVENTS),
            "most": EVENTS,
        },
    )


def _all(asked: Asked) -> Sequence[Scheduled]:
    if asked.then is not None:
        return asked.then.schedules()
    return asked.once("schedules", lambda: asked.queue.schedules(last_of=()))


def _one(asked: Asked, name: str) -> Scheduled:
    if asked.then is None:
        return asked.queue.get_schedule(name)
    for one in asked.then.schedules():
        if one.name == name:
            return one
    raise ScheduleNotFound(name)


def _fields(one: Scheduled) -> Sequence[tuple[str, str]]:
    """Return the fields of its jobs beside what they run, in words; of `env` the names alone."""
    given = documents.schedule(one)["fields"]
    return [
        (name, value if isinstance(value, str) else telling.as_json(value))
        for name, value in given.items()
        if name not in AS_TEXT
    ]


def trigger(asked: Asked) -> Done:
    """Have its job made now."""
    name = asked.path["name"]
    made = asked.queue.trigger_schedule(name, asked.why)
    return Done(f"Job added: {made.id}", f"/schedules/{name}")


def pause(asked: Asked) -> Done:
    """Have no jobs made at its ticks."""
    name = asked.path["name"]
    done = asked.queue.pause_schedule(name, asked.why)
    return Done(f"Schedule {name} is paused{'' if done.is_changed else ' already'}", f"/schedules/{name}")


def resume(asked: Asked) -> Done:
    """Have jobs made at its ticks again."""
    name = asked.path["name"]
    done = asked.queue.resume_schedule(name, asked.why)
    what = "is resumed" if done.is_changed else "is not paused"
    return Done(f"Schedule {name} {what}; {_coming(done)}", f"/schedules/{name}")


def remove(asked: Asked) -> Done:
    """Have no such schedule any more."""
    name = asked.path["name"]
    before = asked.queue.get_schedule(name)
    asked.queue.remove_schedule(name, asked.why)
    anew = telling.anew(before)
    return Done(f"Schedule {name} is removed; its jobs stay" + (f". {anew}" if anew else ""), "/schedules")


def _coming(done: Rescheduled) -> str:
    return "it is removed" if done.schedule is None else telling.coming(done.schedule)
