"""What goes through all there is does so in the same memory, however much there is."""

from collections.abc import Iterator

import pytest

from eventqueue.connect import open_client
from scripts.benchmark.fill import Shape
from scripts.benchmark.measure import of_command
from tests.test_queries import filled_with

FEW, MANY = 5_000, 20_000
MORE_MB = 12  # most of it for a page or a batch that is a whole one only here


@pytest.fixture(scope="module")
def filled(server_uri: str) -> Iterator[str]:
    """A server with a database of few jobs and one of many."""
    with open_client(server_uri) as client:
        for jobs in (FEW, MANY):
            client.drop_database(named(jobs))
            filled_with(client, named(jobs), jobs, Shape(queues=2))
        yield server_uri
        for jobs in (FEW, MANY):
            client.drop_database(named(jobs))


def named(jobs: int) -> str:
    return f"test_memory_{jobs}"


@pytest.mark.parametrize(
    "words",
    [
        "list",
        "--json list",
        "--json list --state completed",
        "cancel --all --dry-run",
        "audit verify --all",
        "audit seal",
        "projections verify",
        "projections rebuild",
    ],
)
def test_a_command_takes_the_same_memory_beside_many_jobs(filled: str, words: str) -> None:
    few, many = (of_command(filled, named(jobs), words.split())[1] for jobs in (FEW, MANY))

    assert many < few + MORE_MB
