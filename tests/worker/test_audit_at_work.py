"""An audit of a system at work: workers claim, run, write and settle, and it raises no false alarm."""

from eventqueue.audit.rules import Finding
from tests.worker.crew import Start
from tests.worker.stage import Stage

JOBS = 40


def test_while_workers_run_jobs_an_audit_finds_nothing_however_often_it_is_asked(stage: Stage, start: Start) -> None:
    for number in range(JOBS):
        stage.enqueue(f"echo {number}; test {number % 5} -gt 0", max_retries=0)

    crew = start(count=2, until_empty=True)
    found: list[Finding] = []
    while crew.process.poll() is None:
        found += stage.queue.verify_all().findings

    assert crew.ends() == 0
    verdict = stage.queue.verify_all()
    assert [*found, *verdict.findings] == []
    assert (verdict.jobs, verdict.not_held) == (JOBS, ())
