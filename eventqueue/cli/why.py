"""`queuectl why`: why a job is in its state, and what must happen next, and when."""

import click

from eventqueue.cli.known import JOB
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session

OF_THE_VIEWS = ("busy", "free", "before")  # clauses that are only as new as the views


@command("why")
@click.argument("job_id", metavar="ID", type=JOB)
@with_session
def why(session: Session, job_id: str) -> None:
    """Tell why a job is in its state.

    And what must happen next, and when: the first sentence first. In the JSON each clause has its kind, the event by
    which it is true (null: a rule, or how it is now), and until when, if it changes by itself.

    \b
    queuectl why report
    queuectl why 0199f3a2 --json | jq -r '.clauses[0].kind'
    """
    from eventqueue.cli.render.why import paragraph
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.why(queue.resolve(job_id))
        if any(one.kind in OF_THE_VIEWS for one in found.clauses):
            session.out.behind(queue.connection.views.lag())
    session.out.answer(lambda: documents.why(found), lambda: paragraph(found))
