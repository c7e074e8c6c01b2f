"""docs/testing.md: its examples are one file of tests, which passes."""

import re
from pathlib import Path

from eventqueue.testing import Fault
from tests.testing.test_plugin import run

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def test_the_examples_of_the_page_pass(tmp_path: Path, server_uri: str) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    done = run(tmp_path, "\n".join(examples), QUEUECTL_TEST_URI=server_uri)

    assert len(examples) == 6
    assert done.stdout.splitlines()[-1].startswith("25 passed"), done.stdout


def test_the_page_tells_of_each_fault() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == {one.value for one in Fault}
