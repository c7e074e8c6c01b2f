"""What the connected user may do: a privilege counts where it covers the log."""

from typing import Any

import pytest

from eventqueue.mongo.rights import actions_on


@pytest.mark.parametrize(
    ("resource", "covers"),
    [
        ({"db": "jobs", "collection": "events"}, True),
        ({"db": "jobs", "collection": ""}, True),
        ({"db": "", "collection": ""}, True),
        ({"anyResource": True}, True),
        ({"db": "jobs", "collection": "outputs"}, False),
        ({"db": "other", "collection": ""}, False),
        ({"cluster": True}, False),
    ],
)
def test_a_privilege_counts_where_it_covers_the_collection(resource: dict[str, Any], covers: bool) -> None:
    allowed = actions_on([{"resource": resource, "actions": ["find"]}], "jobs", "events")

    assert allowed == ({"find"} if covers else set())
