"""docs/monitoring: what the dashboard and the alerts ask for is there, name by name and label by label."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from eventqueue.cli.render import exposition
from eventqueue.ports.views import Durations, Lag, Metrics, QueueMetrics, Totals
from tests.builders import NOW
from tests.cli.test_metrics import FIELDS

FILES = Path(__file__).parents[2] / "docs" / "monitoring"
BOARD: dict[str, Any] = json.loads((FILES / "grafana.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]

PANELS = [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel["targets"]]
ASKED = [*PANELS, *((rule["alert"], rule["expr"]) for rule in RULES)]


def there() -> dict[str, set[str]]:
    """The labels of each sample that there is, by its name."""
    some = Durations(buckets=((0.001, 0),), count=0, seconds=0.0)
    counts = Totals(**dict.fromkeys(FIELDS, 0), wait=some, run=some)
    one = QueueMetrics(counts={}, is_paused=False, oldest_due=None, totals=counts)
    found = Metrics(at=NOW, lag=Lag(0.0), queues={"mail": one}, workers=0, slots=0, busy=0)
    families = text_string_to_metric_families(exposition.page(found))
    return {one.name: {*one.labels} for family in families for one in family.samples}


def problems(expression: str) -> Iterator[str]:
    known = there()
    for name, _, matchers in re.findall(r"(queuectl_\w+)(\{([^}]*)\})?", expression):
        if name not in known:
            yield f"there is no {name}"
            continue
        for label in re.findall(r"(\w+)(?==~|!~|!=|=)", matchers):
            if label not in known[name]:
                yield f"{name} has no label {label}"
    if not re.search("queuectl_", expression):
        yield "it asks for nothing of ours"


@pytest.mark.parametrize(("where", "expression"), ASKED, ids=[f"{name}-{n}" for n, (name, _) in enumerate(ASKED)])
def test_what_is_asked_for_is_there(where: str, expression: str) -> None:
    assert list(problems(expression)) == []


def test_what_is_not_there_is_noticed() -> None:
    assert list(problems('sum(queuectl_job{queue="a"})')) == ["there is no queuectl_job"]
    assert list(problems('queuectl_jobs{host="a"}')) == ["queuectl_jobs has no label host"]
    assert list(problems("up")) == ["it asks for nothing of ours"]


def test_all_that_is_grouped_by_or_named_in_a_text_is_a_label() -> None:
    labels = {label for of in there().values() for label in of}
    texts = json.dumps([BOARD["panels"], RULES])
    named = {*re.findall(r"\bby \((\w+)\)", texts), *re.findall(r"\$labels\.(\w+)", texts)}
    named |= {*re.findall(r"\{\{(\w+)\}\}", texts)}

    assert named <= labels
    assert named >= {"queue", "state", "le"}


def test_each_metric_is_in_the_dashboard_and_in_its_document() -> None:
    asked = " ".join(expression for _, expression in PANELS)
    document = (FILES / "README.md").read_text().replace("`…_", "`queuectl_jobs_")
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in there()}

    assert {name for name in names if name not in asked} == set()
    assert {name for name in names if f"`{name}`" not in document} == set()


def test_an_alert_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert all({"summary", "what_to_do"} == rule["annotations"].keys() and rule["labels"]["severity"] for rule in RULES)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
