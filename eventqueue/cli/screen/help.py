"""The screen of help: which keys there are, and what they do."""

from rich.text import Text
from textual.app import ComposeResult

from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.lines import Lines

KEYS = (
    ("↑ ↓ PgUp PgDn Home End", "go through the rows (also k j g G)"),
    ("Tab, Shift-Tab", "to the next pane, or the one before"),
    ("Enter", "a queue's jobs; of a job why, history and output; a kind's jobs; what a worker runs"),
    ("Esc", "back"),
    ("s, S, I", "order by the next column, by the one before, the other way round"),
    ("/", "jobs by a filter, as `queuectl list` has it: state:dead error~503 ended>-2h"),
    ("Space, a", "mark a job; mark all that are shown"),
    ("p", "pause the queue, or have it resumed"),
    ("r", "retry: the job, those that are marked, or all failed and dead ones of the queue or kind"),
    ("c", "cancel: the job, those that are marked, or all of the queue that wait or run"),
    ("w", "workers"),
    ("e", "errors: what jobs fail with, by kind"),
    ("?", "this"),
    ("q, Ctrl-C", "quit"),
)
WORDS = (
    ("DUE", "wait for a worker, those of paused queues too; a queue with such jobs is before one without"),
    ("LATER", "wait for a time that is to come, that of a retry too; no more than 5,000 of all queues are told apart"),
    ("OLDEST", "for how long the job is due that waits longest"),
    ("OUT/MIN", "ended a minute, in the last five; IN/MIN: enqueued"),
)
LABEL = 24


class Help(Board):
    """Which keys there are. Before anything is done, it is asked for with the number of jobs, and a reason."""

    KEYS = (("Esc", "back"),)

    def body(self) -> ComposeResult:
        """See Board."""
        yield Lines("keys", id="help")

    def on_mount(self) -> None:
        """See Screen."""
        lines = self.query_one(Lines)
        for label, text in KEYS:
            lines.add_line(Text.assemble((f"{label:<{LABEL}}", "bold"), text))
        lines.add_line(Text(""))
        for label, text in WORDS:
            lines.add_line(Text.assemble((f"{label:<{LABEL}}", "bold"), text))
        lines.action_end(-1)
        lines.focus()
