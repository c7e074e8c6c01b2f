"""`queuectl metrics`: what Prometheus reads, once and over HTTP, from the counters of all time."""

import json
import signal
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from urllib.error import HTTPError

import pytest
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from eventqueue.api.queue import Queue
from eventqueue.cli.render import exposition
from eventqueue.cli.serving import CLIENTS_MAX, _Handler, serving
from eventqueue.model.events import Error, Failed, FailReason
from eventqueue.ports.views import Durations, Lag, Metrics, QueueMetrics, Totals
from projections.folds.report import EDGES, totals
from tests.builders import NOW, claimed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died, happened
from tests.cli.running import started
from tests.mongo.servers import running
from tests.patience import PATIENCE_S

# As a name of our own, since it brings no types.
openmetrics_in: Callable[[str], Iterator[Metric]] = openmetrics.text_string_to_metric_families

ASKING = b"GET /metrics HTTP/1.0\r\n\r\n"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Return the samples that Prometheus' own parser finds; fails where there is one twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for one in family.samples:
            key = one.name, frozenset(one.labels.items())
            assert key not in found
            found[key] = one.value
    return found


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"queuectl_{name}", frozenset(labels.items())]


def test_a_database_without_views_has_no_queue_and_an_unknown_lag(queuectl: Queuectl) -> None:
    samples = read(queuectl.ok("metrics").out)

    assert of(samples, "lag_known") == 0
    assert of(samples, "workers") == of(samples, "slots") == 0
    assert not any(labels for _, labels in samples)


def test_what_happened_is_counted_for_ever(queuectl: Queuectl, queue: Queue) -> None:
    for job_id in ("done", "dead", "lost", "waits"):
        queuectl.ok("enqueue", "--id", job_id, "--queue", "mail", "--max-retries", "0", "--", "true")
    queuectl.ok("queue", "pause", "mail")
    completed(queue, "done")
    died(queue, "dead")
    error = Error(type="worker-lost", message="gone")
    happened(queue, "lost", claimed(), Failed(reason=FailReason.WORKER_LOST, error=error))
    queuectl.ok("status")
    before = read(queuectl.ok("metrics").out)

    queuectl.ok("retry", "dead")
    queuectl.ok("cancel", "dead")
    queuectl.ok("status")
    after = read(queuectl.ok("metrics").out)

    assert of(after, "jobs", queue="mail", state="dead") == 0
    assert of(after, "jobs", queue="mail", state="cancelled") == 1
    counters = {key for key in before if key[0].endswith(("_total", "_bucket", "_count", "_sum"))}
    assert all(after[key] >= before[key] for key in counters)
    names = ("jobs_enqueued", "jobs_completed", "attempts_failed", "rescues", "jobs_dead", "jobs_cancelled")
    assert [of(after, f"{name}_total", queue="mail") for name in names] == [4, 1, 2, 1, 1, 1]
    assert of(after, "jobs_retried_total", queue="mail", by="operator") == 1
    assert of(after, "wait_seconds_count", queue="mail") == of(after, "run_seconds_count", queue="mail") == 3
    assert of(after, "queue_oldest_due_seconds", queue="mail") > 0
    assert of(after, "queue_paused", queue="mail") == 1
    document = json.loads(queuectl.ok("metrics", "--json").out)
    assert document["queues"]["mail"]["totals"]["enqueued"] == 4


def test_a_bucket_holds_what_lasted_no_longer_and_the_last_one_all() -> None:
    found = totals({"wait-0": 1, "wait-1": 2, "wait-10": 3, "wait-11": 4, "wait-500": 5, "run-3": 7, "enqueued": 9})

    assert [count for _, count in found.wait.buckets[:4]] == [1, 6, 10, 10]
    assert found.wait.buckets[-1][1] == 10
    assert found.wait.count == 15
    assert len(found.wait.buckets) == len(EDGES)
    assert found.wait.seconds > 4 * 3600  # of those five that lasted for years
    assert (found.run.count, found.enqueued) == (7, 9)


NOTHING = Durations(buckets=((0.001, 0),), count=0, seconds=0.0)
FIELDS = ("enqueued", "completed", "failed", "rescued", "dead", "cancelled", "retried", "retried_by_operator", "late")
HOSTILE = 'a"b\\c\nqueuectl_workers 7\x1b[31m\u202e'


def test_no_name_of_a_queue_forges_a_metric() -> None:
    counts = dict.fromkeys(FIELDS, 0)
    one = QueueMetrics(counts={}, is_paused=False, oldest_due=None, totals=Totals(**counts, wait=NOTHING, run=NOTHING))
    found = Metrics(at=NOW, lag=Lag(1.5), queues={HOSTILE: one, "b": one}, workers=1, slots=2, busy=1)

    text = exposition.page(found)

    samples = read(text)
    assert of(samples, "workers") == 1
    assert of(samples, "lag_seconds") == 1.5
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len({dict(labels)["queue"] for _, labels in samples if labels}) == 2


@contextmanager
def served(queuectl: Queuectl) -> Iterator[str]:
    with started(queuectl, "metrics", "--serve", "0", "--json") as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["serving"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        assert answer.headers["Content-Type"] == CONTENT_TYPE_PLAIN_0_0_4
        text: str = answer.read().decode()
        return text


def test_they_are_served_on_this_machine_alone_until_ctrl_c(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")
    queuectl.ok("status")
    with served(queuectl) as url:
        assert url.startswith("http://127.0.0.1:")
        assert of(read(get(url)), "jobs_enqueued_total", queue="mail") == 1
        queuectl.ok("enqueue", "--queue", "mail", "--", "true")
        queuectl.ok("status")
        assert of(read(get(url)), "jobs_enqueued_total", queue="mail") == 2
        with pytest.raises(HTTPError, match="404") as refused:
            get(url.replace("/metrics", "/etc/passwd"))
        refused.value.close()


def test_a_database_that_is_lost_answers_503_in_a_sentence_and_the_server_goes_on(queuectl: Queuectl) -> None:
    with running() as uri:
        lost = queuectl.with_environ(QUEUECTL_URI=f"{uri}&serverSelectionTimeoutMS=3000")
        process = lost.start("metrics", "--serve", "0", "--json")
        assert process.stdout
        url = json.loads(process.stdout.readline())["serving"]
        assert of(read(get(url)), "workers") == 0
    with pytest.raises(HTTPError, match="503") as refused:
        get(url)
    sentence = refused.value.read().decode()
    refused.value.close()
    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=PATIENCE_S)[1] == ""
    assert process.returncode == 0
    assert "MongoDB cannot be reached" in sentence
    assert sentence.count("\n") == 1


def test_who_asks_for_openmetrics_is_given_them(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--queue", "mail", "--", "true")
    queuectl.ok("status")
    with served(queuectl) as url:
        asking = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        with urllib.request.urlopen(asking, timeout=PATIENCE_S) as answer:
            families = {one.name: one for one in openmetrics_in(answer.read().decode())}

    assert families["queuectl_jobs_enqueued"].samples[0].value == 1
    assert families["queuectl_wait_seconds"].type == "histogram"


def test_clients_that_say_nothing_keep_nobody_out(queuectl: Queuectl) -> None:
    with served(queuectl) as url:
        host, port = url.removeprefix("http://").removesuffix("/metrics").split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(5)]
        for number, one in enumerate(idle):
            one.send(b"GET /metrics"[:number] + b"\xff\0")

        assert "queuectl_workers 0" in get(url)

        for one in idle:
            one.close()
        assert "queuectl_workers 0" in get(url)


def test_of_too_many_clients_the_first_are_hung_up_on_and_the_last_are_served(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Handler, "timeout", None)  # as with those that send a byte now and then
    with serving(("127.0.0.1", 0), queue) as server, ExitStack() as opened:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.callback(server.shutdown)
        idle = [
            opened.enter_context(socket.create_connection(("127.0.0.1", server.server_port), timeout=PATIENCE_S))
            for _ in range(CLIENTS_MAX + 1)
        ]

        assert idle[0].recv(1) == b""
        idle[1].sendall(ASKING)
        assert idle[1].recv(5) == b"HTTP/"


def test_where_those_that_were_hung_up_on_have_not_gone_yet_a_further_one_is_refused_until_they_have(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, held, handle = threading.Event(), threading.Semaphore(0), _Handler.handle

    def hold(handler: _Handler) -> None:
        held.release()
        goes_on.wait()
        handle(handler)

    monkeypatch.setattr(_Handler, "handle", hold)
    with serving(("127.0.0.1", 0), queue) as server, ExitStack() as opened:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.callback(server.shutdown)
        opened.callback(goes_on.set)

        def client() -> socket.socket:
            address = "127.0.0.1", server.server_port
            return opened.enter_context(socket.create_connection(address, timeout=PATIENCE_S))

        clients = [client() for _ in range(2 * CLIENTS_MAX)]
        for _ in clients:
            assert held.acquire(timeout=PATIENCE_S)

        assert client().recv(1) == b""
        assert not held.acquire(blocking=False)
        goes_on.set()
        clients[-1].sendall(ASKING)
        assert clients[-1].makefile("rb").read().startswith(b"HTTP/")
        last = client()
        last.sendall(ASKING)
        assert last.recv(5) == b"HTTP/"


def test_who_asks_while_the_one_before_is_not_answered_is_told_so(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answers, found = threading.Event(), threading.Event(), queue.metrics()

    def slow() -> Metrics:
        asked.set()
        answers.wait()
        return found

    monkeypatch.setattr(queue, "metrics", slow)
    monkeypatch.setattr("eventqueue.cli.serving.ANSWERED_S", 0.0)
    with serving(("127.0.0.1", 0), queue) as server, ExitStack() as opened:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.callback(server.shutdown)
        opened.callback(answers.set)
        address = "127.0.0.1", server.server_port
        first, second = (opened.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(2))
        first.sendall(ASKING)
        assert asked.wait(PATIENCE_S)

        second.sendall(ASKING)

        refused = second.makefile("rb").read()
        assert refused.startswith(b"HTTP/1.0 503 ")
        assert refused.endswith(b"Others have asked before, and are not answered yet.\n")
        answers.set()
        assert first.makefile("rb").read().startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize("odd", ["", "http", "70000", "a:b", "-1", "1.2.3.4:", "9464 ", "²"])
def test_an_odd_address_is_wrong_usage(queuectl: Queuectl, odd: str) -> None:
    ran = queuectl.here("metrics", "--serve", odd)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_port_that_is_taken_is_refused_in_a_sentence(queuectl: Queuectl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = queuectl.process("metrics", "--serve", str(taken.getsockname()[1]))

    assert ran.code == 1
    assert "in use" in ran.err
    assert is_one_sentence(ran)


def test_a_job_that_is_due_later_is_not_due(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(command="true", queue="mail", delay=timedelta(hours=1))
    queuectl.ok("status")

    assert of(read(queuectl.ok("metrics").out), "queue_oldest_due_seconds", queue="mail") == 0
