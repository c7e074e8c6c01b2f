"""The audit: everything held against the log's rules, and against what the log makes of it; see `inquiry`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from eventqueue.audit.verdict import Verdict
from eventqueue.errors import Fenced, HistoryLost
from eventqueue.mongo.ground import Ground
from eventqueue.system.tuning import tuned
from projections.auditing.inquiry import Inquiry, Progress
from projections.folds.projection import Projection

TRIES = 10  # at what others move meanwhile


class ViewAuditor:
    """See eventqueue.audit.verdict.Auditor."""

    def __init__(self, ground: Ground, projections: Sequence[Projection]) -> None:
        self._ground = ground
        self._projections = projections

    def all(self, progress: Progress = lambda _: None) -> Verdict:
        """See Auditor.all."""
        with tuned():
            return self._settled(lambda audit: audit.all(progress))

    def since(self, moment: datetime, progress: Progress = lambda _: None) -> Verdict:
        """See Auditor.since."""
        with tuned():
            return self._settled(lambda audit: audit.since(moment, progress))

    def job(self, job_id: str) -> Verdict:
        """See Auditor.job."""
        return self._settled(lambda audit: audit.job(job_id))

    def _settled(self, run: Callable[[Inquiry], None]) -> Verdict:
        for tries_left in reversed(range(TRIES)):
            try:
                return self._once(run)
            except Fenced:  # what was found of views that were switched meanwhile is worth nothing
                if not tries_left:
                    raise
        raise AssertionError("returned or raised above")

    def _once(self, run: Callable[[Inquiry], None]) -> Verdict:
        try:
            with Inquiry(self._ground, self._projections) as audit:
                run(audit)
                return audit.account.verdict()
        except (
            HistoryLost
        ) as error:  # others' traffic on the same server brings it about, nearly always before it began
            with Inquiry(self._ground, self._projections, str(error)) as audit:
                run(audit)
                return audit.account.verdict()
