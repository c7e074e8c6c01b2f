"""The page of one job: how it stands and why, what has become of it, and what can be done to it."""

import re
from html import unescape
from typing import Any

import bson
import httpx
import pytest
from bson.raw_bson import RawBSONDocument
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.model.events import Cancelled, Event, LateResult, stream_of
from eventqueue.model.job import Job, State, fold
from eventqueue.mongo.outputs import Kept
from eventqueue.web.pages import job
from tests.builders import DEAD_LETTERED, USED_UP_FAILURE, append, claimed, enqueued, failed, history
from tests.web.sites import asking, is_now, was_at

RLO = "\u202e"


def put(queue: Queue, job_id: str, *events: Event) -> None:
    """Append events to a job, as workers would."""
    log, now = queue.connection.ground.log, queue.connection.ground.clock.now()
    stream = stream_of("job", job_id)
    log.append([append(stream, *events, head=log.read(stream)[-1].head, now=now)])


def dead(queue: Queue, job_id: str = "one", command: str = "false") -> None:
    queue.enqueue(id=job_id, command=command, max_retries=0)
    put(queue, job_id, claimed("w:1"), USED_UP_FAILURE, DEAD_LETTERED)


def text_of(answer: httpx.Response) -> str:
    """Return what stands on a page, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", answer.text)).split())


def test_it_shows_how_a_job_stands_why_and_what_became_of_it(queue: Queue, viewer: httpx.Client) -> None:
    dead(queue)

    shown = text_of(page := viewer.get("/jobs/one"))

    assert page.status_code == 200
    assert "Why it is dead" in shown
    for clause in queue.why("one").clauses:
        assert clause.text[1:].replace("`", "") in shown
    assert re.findall(r'class="event ([a-z-]+)"', page.text)[::-1] == ["enqueued", "claimed", "failed", "dead-lettered"]
    assert 'href="/workers/w%3A1"' in page.text
    assert page.text.count('<rect class="running failed"') == 1


def test_values_of_the_environment_are_nowhere_on_it(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true", env={"TOKEN": "hunter2"})
    queue.amend("one", env={"TOKEN": "hunter3", "MORE": "hunter4"})

    page = viewer.get("/jobs/one")

    assert "TOKEN=•••" in page.text
    assert "hunter" not in page.text


def test_a_part_of_an_id_leads_to_its_job_and_another_is_not_found_in_words(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="report:2026", command="true")

    at = queue.history("report:2026")[0].at.isoformat()
    assert viewer.get("/jobs/rep").url.path == "/jobs/report:2026"
    then = viewer.get("/jobs/rep", params={"at": at})
    assert (then.url.path, then.url.params["at"], then.status_code) == ("/jobs/report:2026", at, 200)
    missing = viewer.get("/jobs/nowhere")
    assert missing.status_code == 404
    assert "nowhere" in text_of(missing)


def test_acts_are_those_that_its_state_allows(queue: Queue, operator: httpx.Client, viewer: httpx.Client) -> None:
    dead(queue)
    queue.enqueue(id="two", command="true", delay=3600)

    def offered(client: httpx.Client, job_id: str) -> list[str]:
        return re.findall(rf'formaction="/jobs/{job_id}/([a-z-]+)"', client.get(f"/jobs/{job_id}").text)

    assert offered(operator, "one") == ["retry", "restart", "cancel"]
    assert offered(operator, "two") == ["run-now", "cancel"]
    assert offered(viewer, "one") == []
    assert '<form method="post"' not in viewer.get("/jobs/two").text
    assert "/jobs/two/amend" in operator.get("/jobs/two").text


def test_what_is_done_is_signed_and_has_its_reason(queue: Queue, operator: httpx.Client) -> None:
    dead(queue)

    answer = operator.post("/jobs/one/retry", data={"why": "it is mended"})

    assert "Job one is pending again" in text_of(answer)
    last = queue.history("one")[-1]
    assert last.actor.startswith("web/")
    assert "it is mended" in text_of(answer)
    assert "Job one is cancelled" in text_of(operator.post("/jobs/one/cancel"))
    assert "Cannot retry" not in text_of(operator.post("/jobs/one/retry"))
    refused = operator.post("/jobs/one/restart")
    assert (refused.status_code, queue.get("one").state) == (409, State.PENDING)


def test_a_restart_leads_to_the_new_job_and_each_names_the_other(queue: Queue, operator: httpx.Client) -> None:
    dead(queue)

    new = operator.post("/jobs/one/restart", data={"why": "again"})

    assert "restart of one" in re.sub(r"\s+", " ", text_of(new))
    assert 'href="/jobs/one"' in new.text
    (restart,) = queue.restarts("one")
    old = operator.get("/jobs/one")
    assert f'href="/jobs/{restart}"' in old.text
    assert "/jobs/one/restart" not in old.text


def test_of_a_job_that_waits_what_is_typed_is_changed_and_nothing_else(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(id="one", command="true", priority=3, timeout=9, tags=["a"])

    typed = {"queue": "mail", "run_at": "2h", "tags": "b, c d", "priority": "", "no-timeout": "on", "why": "later"}
    answer = operator.post("/jobs/one/amend", data=typed)

    assert "waits as asked" in text_of(answer)
    job = queue.get("one")
    assert (job.queue, job.priority, job.tags, job.timeout, job.run.text) == ("mail", 3, ("b", "c d"), None, "true")
    assert job.due_at is not None
    assert 7000 < (job.due_at - job.created_at).total_seconds() < 7300
    for wrong in ({"priority": "much"}, {"run_at": "soon"}, {"queue": "no queue"}, {}):
        assert operator.post("/jobs/one/amend", data=wrong).status_code == 400
    assert queue.get("one").version == 2
    operator.post("/jobs/one/amend", data={"tags": "d", "no-tags": "on", "why": "typed is more than ticked"})
    assert queue.get("one").tags == ("d",)
    operator.post("/jobs/one/amend", data={"tags": "", "no-tags": "on"})
    assert queue.get("one").tags == ()


def test_of_very_many_events_the_newest_are_shown_and_the_others_page_by_page(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "TIMED", 110)
    queue.enqueue(id="one", command="true")
    for number in range(120):
        queue.amend("one", priority=number + 1)

    def versions(address: str) -> list[int]:
        return [int(one) for one in re.findall(r'<tr id="v(\d+)"', viewer.get(address).text)]

    assert versions("/jobs/one") == [*range(121, 21, -1)]
    assert "It has 121 events: the newest 110 are drawn." in text_of(viewer.get("/jobs/one"))
    assert 'href="/jobs/one?before=22#events"' in viewer.get("/jobs/one").text
    assert versions("/jobs/one?before=22") == [*range(21, 0, -1)]
    assert "before=" not in viewer.get("/jobs/one?before=22").text.partition('id="events"')[2]
    assert viewer.get("/jobs/one?before=x").status_code == 400


def test_of_a_job_with_an_event_that_cannot_be_read_the_rest_is_shown(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")
    log = queue.connection.ground.log
    (one,) = append("job-one", Cancelled(why="x"), head=log.read("job-one")[-1].head).events
    odd = RawBSONDocument(bson.encode({**bson.decode(one.raw), "type": "reconsidered"}))
    queue.connection.ground.database["events"].insert_one(odd, bypass_document_validation=True)

    page = operator.get("/jobs/one")

    assert "cannot be read" in text_of(page)
    assert "reconsidered" in text_of(page)
    assert 'class="event enqueued"' in page.text
    assert 'method="post"' not in page.text


def test_what_others_wrote_is_never_markup_and_turns_no_text(queue: Queue, operator: httpx.Client) -> None:
    evil = f"<script>alert(1)</script>{RLO}\x1b[2J"
    tags = [f"{number}<u>" for number in range(64)]
    queue.enqueue(id="one", command=f"{evil} {'x' * 100_000}", tags=tags, meta={evil: evil}, group="<i>")
    queue.cancel("one", evil)

    page = operator.get("/jobs/one")

    assert len(page.content) < 100_000
    for markup in ("<script>alert", "<u>", "<i>", RLO, "\x1b"):
        assert markup not in page.text
    assert "and 14 more" in text_of(page)
    assert "more characters" in text_of(page)


def test_however_many_tags_it_has_some_are_shown_and_how_many_more_there_are(
    queue: Queue, operator: httpx.Client
) -> None:
    many = replace(enqueued(), tags=tuple(f"tag-{number}" for number in range(10_000)))
    queue.connection.ground.log.append([append("job-many", many, now=queue.connection.ground.clock.now())])

    page = operator.get("/jobs/many")

    assert len(page.content) < 50_000
    assert "and 9,950 more" in text_of(page)


def test_of_a_time_before_a_job_was_made_it_says_so(queue: Queue, viewer: httpx.Client) -> None:
    at = queue.history(queue.enqueue(command="true").id)[0].at.isoformat()
    queue.enqueue(id="one", command="true")

    early = viewer.get("/jobs/one", params={"at": at})

    assert early.status_code == 422
    assert "was not there yet" in text_of(early)


def test_each_event_leads_to_the_job_as_it_was_then_and_to_what_it_changed(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")
    queue.amend("one", priority=7)
    queue.cancel("one")

    row = viewer.get("/jobs/one").text.partition('<tr id="v2"')[2].partition("</tr>")[0]
    then, diff = map(unescape, re.findall(r'href="([^"]+)"', row))

    assert "Why it is pending" in text_of(viewer.get(then))
    assert rows(viewer.get(diff))["priority"] == ["0", "7"]


def test_it_is_shown_as_it_was(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")
    at = queue.history("one")[0].at.isoformat()
    queue.cancel("one", "no longer needed")

    then = operator.get("/jobs/one", params={"at": at})

    assert "Why it is pending" in text_of(then)
    assert "no longer needed" not in text_of(then)
    assert "formaction" not in then.text
    assert re.findall(r'<tr id="v(\d+)"', then.text) == ["1"]


def test_the_end_of_what_an_attempt_wrote_is_shown_and_all_that_is_kept_is_a_file(
    queue: Queue, viewer: httpx.Client
) -> None:
    dead(queue)
    wrote = b"begins\n" + b"x" * 30_000 + b"\n\x1b[31m<b>ends</b>\n\xff"
    queue.connection.outputs.put([Kept(job_id="one", claim=2, attempt=1, stdout=wrote, stderr=b"")])

    page = viewer.get("/jobs/one?claim=2")

    assert '<span class="c1">&lt;b&gt;ends&lt;/b&gt;\n\\xff</span>' in page.text
    assert "begins" not in page.text.partition('id="output"')[2].partition("</section>")[0]
    file = viewer.get("/jobs/one/output/stdout?claim=2")
    assert file.content == wrote
    assert "attachment" in file.headers["content-disposition"]
    assert viewer.get("/jobs/one/output/stdout?claim=7").status_code == 400
    assert viewer.get("/jobs/one?claim=x").status_code == 400


def rows(page: httpx.Response) -> dict[str, list[str]]:
    """Return by field what the two have in a table of differences."""
    cell = "<td[^>]*>(.*?)</td>"
    found = re.findall(rf'<tr data-key="([^"]*)">.*?</th>\s*{cell}{cell}', page.text, re.DOTALL)
    return {field: [unescape(re.sub(r"<[^>]*>", "", one)) for one in sides] for field, *sides in found}


def test_two_versions_of_a_job_are_shown_side_by_side(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true", env={"TOKEN": "hunter2"})
    queue.amend("one", priority=7, env={"TOKEN": "hunter3"})
    at = queue.history("one")[-1].at.isoformat()
    queue.amend("one", queue="mail")

    found = rows(page := viewer.get("/jobs/one/diff?from=1&to=2"))

    assert found["priority"] == ["0", "7"]
    assert found["run.env.TOKEN"] == ["•••", "•••"]
    assert "hunter" not in page.text
    assert "queue" not in found
    assert rows(viewer.get("/jobs/one/diff"))["queue"] == ["default", "mail"]
    assert "queue" not in rows(viewer.get("/jobs/one/diff", params={"at": at}))
    assert "Nothing differs" in viewer.get("/jobs/one/diff?from=2&to=2").text
    for wrong in ("from=0", "to=4", "from=x", "to=99999999999"):
        assert viewer.get(f"/jobs/one/diff?{wrong}").status_code in (400, 422)


def test_a_job_is_shown_beside_another(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="make <all>")
    queue.enqueue(id="two", command="make")

    assert rows(viewer.get("/jobs/one/diff?with=two"))["run.command"] == ["make <all>", "make"]
    assert viewer.get("/jobs/one/diff?with=nowhere").status_code == 404


def test_what_an_attempt_wrote_is_shown_however_long_ago_it_was(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "TIMED", 2)
    dead(queue)
    queue.retry("one")
    put(queue, "one", claimed("w:1", attempt=2), failed())
    queue.connection.outputs.put([Kept(job_id="one", claim=2, attempt=1, stdout=b"the first", stderr=b"")])
    queue.connection.outputs.put([Kept(job_id="one", claim=6, attempt=2, stdout=b"the second", stderr=b"")])

    assert "the second" in viewer.get("/jobs/one").text
    first = viewer.get("/jobs/one?claim=2")
    assert "the first" in first.text
    assert "Output of attempt 1" in text_of(first)
    assert viewer.get("/jobs/one?claim=3").status_code == 400
    assert viewer.get("/jobs/one?claim=999").status_code == 400


def test_it_is_proven_when_somebody_asks(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")

    assert "Nothing is wrong: its 1 event follows from" in text_of(viewer.get("/jobs/one/proof"))
    assert "The log has no seal" in text_of(viewer.get("/jobs/one"))
    assert viewer.get("/jobs/one/proof", params={"at": is_now(queue)}).status_code == 422  # it would be of now
    events = queue.connection.ground.database["events"]
    (event,) = events.find({"_id.stream": "job-one"})
    events.delete_one({"_id": event["_id"]})
    events.insert_one({**event, "actor": "<b>mallory</b>"})

    page = viewer.get("/jobs/one/proof")

    assert "findings" in text_of(page)
    assert "<b>mallory" not in page.text


def test_where_nothing_has_become_of_it_a_page_that_is_open_is_not_drawn_anew(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "OLD_S", 10**10)  # its ages do not become old meanwhile
    dead(queue)

    def seen(shown: str) -> httpx.Response:
        return viewer.get("/jobs/one", headers={"x-part": "main", "x-seen": shown})

    (mark,) = re.findall(r'data-seen="([^"]+)"', seen("").text)
    assert seen(mark).status_code == 204
    queue.retry("one")
    assert seen(mark).status_code == 200


def test_what_is_shown_is_known_by_the_event_that_was_last_and_not_by_its_number_alone() -> None:
    first, other = history(enqueued(), claimed("w:1"))[-1], history(enqueued(), claimed("w:2"))[-1]

    assert job._mark(asking(), first) == job._mark(asking(), first) != job._mark(asking(), other)


def test_of_a_time_that_is_past_nothing_is_followed_as_it_is_written(queue: Queue, viewer: httpx.Client) -> None:
    now = queue.connection.ground.clock.now()
    queue.connection.ground.log.append([append("job-one", enqueued(), claimed("w:1"), now=now)])

    assert "data-follow" in viewer.get("/jobs/one").text
    for more in ({}, {"written": "1"}):
        assert "data-follow" not in viewer.get("/jobs/one", params={"at": is_now(queue), **more}).text


def test_what_came_too_late_from_a_worker_is_told(queue: Queue, viewer: httpx.Client) -> None:
    dead(queue)
    before = is_now(queue)
    late = LateResult(claim=2, worker="w:1", outcome="completed", data={})
    queue.connection.ground.log.append([append("late-one", late, now=queue.connection.ground.clock.now())])

    shown = text_of(viewer.get("/jobs/one"))
    assert "Too late to count" in shown
    assert "completed by w:1, after its claim 2 had ended" in shown
    assert "Too late to count" not in text_of(viewer.get("/jobs/one", params={"at": before}))


def test_of_a_time_that_is_past_its_events_are_folded_once(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(id="one", command="true")
    at = was_at(queue, "one")
    folded = 0

    def counted(*given: Any) -> Job | None:
        nonlocal folded
        folded += 1
        return fold(*given)

    for module in ("eventqueue.api.then", "eventqueue.telling.story"):
        monkeypatch.setattr(f"{module}.fold", counted)

    assert viewer.get("/jobs/one", params={"at": at}).status_code == 200
    assert folded == 1
