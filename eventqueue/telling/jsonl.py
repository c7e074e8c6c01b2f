"""Documents as lines of JSON, the same wherever they are printed or sent. Pure."""

from typing import Any

import msgspec

from eventqueue.system.printable import clean_json


def json_line(document: Any) -> bytes:
    """Return a document as a line, fit to be shown."""
    return clean_json(msgspec.json.encode(document).decode()).encode() + b"\n"
