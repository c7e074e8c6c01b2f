"""Acts on many jobs from a page: counted first, done once to what was counted, and told in the log."""

import re
import threading
from collections.abc import Generator
from html import unescape
from typing import Any

import httpx
import pytest

from eventqueue.api import batches
from eventqueue.api.acts import Acts
from eventqueue.api.bulk import Acted, Bulk
from eventqueue.api.queue import Queue
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import LogUnavailable, Refused
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.job import State
from eventqueue.ports.views import Filter, Found, Lag
from eventqueue.web.acting import bulk_acts
from eventqueue.web.acting.bulk_acts import IDS_MAX, BulkActs, Prepared
from eventqueue.web.acting.deeds import CHOICES, offered
from eventqueue.web.pages.bulk import TICKED_MAX
from tests.patience import PATIENCE_S

KEY = re.compile(r'name="key" value="([^"]+)"')
ACT = re.compile(r"/bulk/([0-9a-f-]+)")
NAMED = ("cancel-0", "cancel-1", "cancel-2")


def cancelled(queue: Queue) -> None:
    for one in NAMED:
        queue.enqueue(command="true", id=one, queue="mail")
        queue.cancel(one)


def asked(client: httpx.Client, text: str, deed: str) -> httpx.Response:
    return client.get("/bulk", params={"q": text, "deed": deed})


def done(client: httpx.Client, form: httpx.Response, **fields: str) -> httpx.Response:
    found = KEY.search(form.text)
    assert found is not None
    return client.post("/bulk", data={"key": found[1], **fields})


def act_of(answer: httpx.Response) -> str:
    found = ACT.search(str(answer.url))
    assert found is not None
    return found[1]


def test_jobs_that_fit_are_counted_and_shown_and_then_it_is_done_to_them_in_one_act(
    queue: Queue, operator: httpx.Client
) -> None:
    cancelled(queue)

    form = asked(operator, "queue:mail state:cancelled", "retry")
    answer = done(operator, form, why="it was the wrong queue")

    assert "Retry 3 jobs?" in form.text
    assert all(one in form.text for one in NAMED)
    assert "3 jobs are pending again." in answer.text
    act = queue.act(act_of(answer))
    assert (act.what, act.jobs, act.filter, act.why) == (
        "retry",
        3,
        "state:cancelled queue:mail",
        "it was the wrong queue",
    )
    assert act.by.startswith("web/")
    assert f"/audit/acts/{act.id}" in answer.text
    assert {queue.get(one).state for one in NAMED} == {State.PENDING}


def test_it_is_done_to_what_was_counted_and_to_nothing_that_came_or_changed_since(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", id="one", queue="mail")
    queue.enqueue(command="true", id="changed", queue="mail")
    form = asked(operator, "queue:mail created>-1h", "cancel")
    queue.enqueue(command="true", id="later", queue="mail")
    queue.amend("changed", queue="other")

    answer = done(operator, form)

    assert "Cancel 2 jobs?" in form.text
    assert "1 of 2 jobs are cancelled" in answer.text
    assert "was changed meanwhile" in answer.text
    assert {one: queue.get(one).state.value for one in ("one", "changed", "later")} == {
        "one": "cancelled",
        "changed": "pending",
        "later": "pending",
    }


def test_two_clicks_make_one_act(queue: Queue, operator: httpx.Client) -> None:
    cancelled(queue)
    form = asked(operator, "state:cancelled", "retry")

    first, second = done(operator, form), done(operator, form)

    assert act_of(first) == act_of(second)
    assert "That was asked for once already" in second.text
    assert [len(queue.history(one)) for one in NAMED] == [3, 3, 3]


def test_where_no_state_is_named_those_are_meant_that_it_is_for_and_others_are_to_be_named(
    queue: Queue, operator: httpx.Client
) -> None:
    cancelled(queue)
    queue.enqueue(command="true", id="waits", queue="mail")

    form = asked(operator, "queue:mail", "retry")

    assert "Retry: no jobs" in form.text
    assert "meant are those that are failed, dead" in form.text
    assert '/bulk?q=queue%3Amail+state%3Acancelled&deed=retry"' in unescape(form.text)
    refused = asked(operator, "state:completed", "retry")
    assert refused.status_code == 400
    assert "it can be done to none that is completed" in refused.text


def test_jobs_are_changed_as_the_form_says_and_what_is_wrong_in_it_is_told_with_all_still_there(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", id="one")
    form = asked(operator, "state:pending", "set")

    nothing = done(operator, form)
    wrong = done(operator, form, priority="high", tags="red, dark blue")
    answer = done(operator, form, priority="7", tags="red, dark blue", run_at="+1h", timeout="10m", why="it waits")

    assert (nothing.status_code, wrong.status_code) == (400, 400)
    assert "Nothing to change was given" in nothing.text
    assert "priority: cannot be" in wrong.text
    assert 'value="red, dark blue"' in wrong.text
    assert "1 job waits as asked." in answer.text.replace("1 jobs", "1 job")
    job = queue.get("one")
    assert (job.priority, job.tags, job.timeout) == (7, ("red", "dark blue"), 600)
    assert job.due_at is not None
    assert job.due_at > job.created_at


def test_by_a_restart_with_changes_a_new_job_is_made_of_each(queue: Queue, operator: httpx.Client) -> None:
    cancelled(queue)

    answer = done(operator, asked(operator, "state:cancelled", "restart"), queue="again")

    assert "3 jobs are restarted" in answer.text
    assert [len(queue.restarts(one)) for one in NAMED] == [1, 1, 1]
    assert len(queue.find(queue="again")) == 3


@pytest.mark.parametrize("deed", ["retry", "run-now", "restart", "set", "discard", "cancel"])
def test_each_deed_can_be_asked_for_whatever_there_is(operator: httpx.Client, deed: str) -> None:
    form = asked(operator, "", deed)

    assert form.status_code == 200
    assert "no jobs" in form.text


def test_a_viewer_is_neither_asked_nor_obeyed(queue: Queue, viewer: httpx.Client, operator: httpx.Client) -> None:
    cancelled(queue)
    key = KEY.search(asked(operator, "state:cancelled", "retry").text)
    assert key is not None

    assert asked(viewer, "state:cancelled", "retry").status_code == 422
    assert viewer.post("/bulk", data={"key": key[1]}).status_code == 403
    assert "/bulk" not in viewer.get("/jobs").text
    assert queue.get(NAMED[0]).state is State.CANCELLED


def test_what_is_not_known_here_any_more_is_not_done(operator: httpx.Client) -> None:
    answer = operator.post("/bulk", data={"key": "of-another-process"})

    assert answer.status_code == 422
    assert "look again at what would be done" in answer.text
    assert "is retry meant?" in asked(operator, "", "rety").text


def test_of_an_act_whose_end_was_never_told_that_is_said(queue: Queue, operator: httpx.Client) -> None:
    cancelled(queue)
    bulk = queue.retry_many(queue.find(state=State.CANCELLED))
    next(bulk)

    page = operator.get(f"/bulk/{bulk.id}")

    assert page.status_code == 200
    assert "The log has no end of it" in page.text
    assert "<progress" not in page.text, "how many were tried is not known here"
    bulk.close()
    assert "The log has no end of it" not in operator.get(f"/bulk/{bulk.id}").text


def test_jobs_that_are_ticked_are_acted_on_and_those_that_it_cannot_be_done_to_are_told(
    queue: Queue, operator: httpx.Client
) -> None:
    cancelled(queue)
    queue.enqueue(command="true", id="waits")

    form = operator.get("/bulk", params={"deed": "retry", "id": [NAMED[0], "waits"]})
    answer = done(operator, form)

    assert "Retry 2 jobs?" in form.text
    assert "1 of 2 jobs are pending again" in answer.text
    assert "the jobs were named" in answer.text
    assert [queue.get(one).state.value for one in NAMED] == ["pending", "cancelled", "cancelled"]
    assert operator.get("/bulk", params={"deed": "retry", "id": "nobody"}).status_code == 404
    assert 'form="ticked"' in operator.get("/jobs").text


@pytest.fixture
def held(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """There are cancelled jobs; acts go on job by job, and stop before the second until it is set."""
    cancelled(queue)
    going, have = threading.Event(), Acts.have
    later = iter([False, True])
    monkeypatch.setattr(batches, "BATCH", 1)
    monkeypatch.setattr(bulk_acts, "SHORT_S", 0)

    def hold(self: Acts, *asked: Any) -> None:
        if next(later, True):
            going.wait(PATIENCE_S)
        have(self, *asked)

    monkeypatch.setattr(Acts, "have", hold)
    return going


def ended(client: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Return an act's page once it has ended."""
    for thread in threading.enumerate():
        if thread.name == "act":
            thread.join(PATIENCE_S)
    return client.get(page.url.path)


def test_an_act_goes_on_without_the_request_and_its_page_tells_how_far_it_is(
    operator: httpx.Client, held: threading.Event
) -> None:
    page = done(operator, asked(operator, "state:cancelled", "retry"))

    assert "It goes on: retry, 3 jobs" in page.text
    assert "1 of 3 jobs are pending again" in page.text
    held.set()
    over = ended(operator, page)
    assert "It goes on" not in over.text
    assert "3 jobs are pending again." in over.text


def test_an_act_that_is_stopped_tries_no_more_jobs_and_its_sum_says_so(
    queue: Queue, operator: httpx.Client, held: threading.Event
) -> None:
    page = done(operator, asked(operator, "state:cancelled", "retry"))

    stopped = operator.post(f"{page.url.path}/stop")
    held.set()

    assert "It ends once the jobs that are on their way are done" in stopped.text
    assert "2 of 3 jobs are pending again" in ended(operator, page).text
    act = queue.act(act_of(page))
    assert act.sum is not None
    assert (act.sum.done, act.sum.untried) == (2, 1)


def test_of_what_was_counted_and_not_done_no_more_is_kept_than_fits() -> None:
    found = Found(["one"] * (IDS_MAX // 2), Lag(0.0))
    kept = BulkActs()

    first, *others = [kept.prepare(Prepared(CHOICES["retry"], "", found)) for _ in range(3)]

    assert [kept.prepared(one).found for one in others] == [found, found]
    with pytest.raises(Refused, match="look again"):
        kept.prepared(first)


def failing(at: int, error: Exception) -> Bulk:
    """An act on three jobs that is begun, and fails at this one of them."""

    def acting(bulk: Bulk) -> Generator[Acted]:
        bulk.id = "the-act"
        for place in range(3):
            if place == at:
                raise error
            yield Acted(f"job-{place}", Refused("no"))

    return Bulk(3, acting)


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize(
    "error", [LogUnavailable("who knows"), ValueError("a fault of its own")], ids=lambda one: type(one).__name__
)
def test_an_act_that_is_begun_is_not_begun_again_whatever_ends_it_and_that_is_told(at: int, error: Exception) -> None:
    kept, begun = BulkActs(), []
    one = Prepared(CHOICES["retry"], "", Found(["job-0", "job-1", "job-2"], Lag(0.0)))

    def have() -> Bulk:
        begun.append(at)
        return failing(at, error)

    assert [kept.begin(one, have) for _ in range(2)] == ["the-act"] * 2

    act = kept.begun("the-act")
    assert act is not None
    act.wait(PATIENCE_S)
    assert (begun, len(one.found)) == ([at], 0)
    assert act.problem is not None
    assert ("It failed" in act.problem) == isinstance(error, ValueError)


def test_an_act_that_there_is_no_thread_for_is_ended_in_the_log_and_not_begun_once_more(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled(queue)
    form = asked(operator, "state:cancelled", "retry")
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "act":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pages = [done(operator, form) for _ in range(2)]

    acts = [
        type_of(one.event)
        for one in queue.events(Wanted(types=("act-begun", "act-ended")))
        if isinstance(one, Recorded)
    ]
    assert acts == ["act-begun", "act-ended"]
    assert act_of(pages[0]) == act_of(pages[1])
    assert "It failed, with an error of its own" in pages[0].text


def test_of_acts_that_were_done_the_newest_are_known_and_those_that_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_acts, "DONE_MAX", 2)
    kept, held = BulkActs(), threading.Event()

    def begun(act_id: str, until: threading.Event | None = None) -> None:
        def acting(bulk: Bulk) -> Generator[Acted]:
            bulk.id = act_id
            yield Acted("job", Refused("no"))
            if until is not None:
                until.wait(PATIENCE_S)

        kept.begin(Prepared(CHOICES["retry"], "", Found(["job"], Lag(0.0))), lambda: Bulk(1, acting))

    monkeypatch.setattr(bulk_acts, "SHORT_S", 0.0)
    begun("goes-on", held)
    monkeypatch.setattr(bulk_acts, "SHORT_S", 20.0)
    for number in range(5):
        begun(f"done-{number}")
    known = [one for one in ("goes-on", *(f"done-{number}" for number in range(5))) if kept.begun(one)]
    held.set()

    assert known == ["goes-on", "done-4"]
    kept.stop()


def test_of_jobs_that_are_ticked_to_be_discarded_those_are_left_that_are_not_dead(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", id="waits")

    form = operator.get("/bulk", params={"deed": "discard", "id": "waits"})
    answer = ended(operator, done(operator, form))

    assert "Refused" in answer.text
    assert queue.get("waits").state is State.PENDING


def test_what_is_offered_fits_the_states_that_are_asked_for() -> None:
    def names(*states: State) -> list[str]:
        return [one.name for one in offered(Filter(state_in=states))]

    assert names() == [*CHOICES]
    assert names(State.DEAD) == ["retry", "restart", "discard"]
    assert "discard" not in names(State.PENDING)
    assert "cancel" in names(State.PENDING, State.PROCESSING)


def test_where_the_view_is_behind_nothing_is_asked(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", id="one")
    monkeypatch.setattr(Queue, "find", lambda *_, **__: Found(["one"], Lag(3.0)))

    answer = asked(operator, "state:pending", "cancel")

    assert (answer.status_code, KEY.search(answer.text)) == (503, None)
    assert "the view is behind the log" in answer.text


def test_by_a_wrong_filter_nothing_is_asked_about_all_jobs(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")

    for wrong in ("state:penidng", "no condition", "x" * 5000):
        answer = asked(operator, wrong, "cancel")

        assert (answer.status_code, KEY.search(answer.text)) == (400, None)


def test_no_more_jobs_are_ticked_than_an_address_holds(operator: httpx.Client) -> None:
    ids = [f"job-{number}" for number in range(TICKED_MAX + 1)]

    answer = operator.get("/bulk", params={"deed": "cancel", "id": ids})

    assert (answer.status_code, "a filter chooses more" in answer.text) == (400, True)
