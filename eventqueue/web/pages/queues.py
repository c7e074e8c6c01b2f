"""The queues: how many jobs of each are in which state, and who paused it and why."""

from eventqueue.model.job import State
from eventqueue.web.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown


def show(asked: Asked) -> Shown:
    """Show all queues."""
    return Shown("queues.html", "Queues", {"queues": asked.seen.queues(), "states": list(State)})


def pause(asked: Asked) -> Done:
    """Pause a queue."""
    name = asked.path["name"]
    done = asked.queue.pause_queue(name, asked.why)
    return Done(f"Queue {name} is paused" + ("" if done.is_new else " already"), "/queues")


def resume(asked: Asked) -> Done:
    """Have a queue go on."""
    name = asked.path["name"]
    done = asked.queue.resume_queue(name, asked.why)
    return Done(f"Queue {name} goes on" if done.is_new else f"Queue {name} was not paused", "/queues")
