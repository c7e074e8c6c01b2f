"""An export as a Parquet file, for what reads tables: typed columns, and the bytes beside them. Not to be imported.

What pyarrow is needed for is here alone; it is imported where a file is written, and need not be there before.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from bson.timestamp import Timestamp

from eventqueue.errors import Refused
from eventqueue.model.portions import portions
from eventqueue.system import installing
from eventqueue.system.whole import Sink
from eventqueue.transfer.lines import First, document_of, plain

if TYPE_CHECKING:
    import pyarrow

MISSING = (
    "Parquet files are written by pyarrow, which is not installed: `%s` installs it, or export with --format jsonl."
)


def check() -> None:
    """Raise Refused where there is no pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401 - whether it is there
    except ImportError:
        raise Refused(MISSING % installing.command(installing.PYARROW)) from None


def write(file: Sink, first: First, events: Iterable[bytes], progress: Callable[[int], object]) -> int:
    """Write stored events, and return how many they were; `progress` is told the number so far."""
    import pyarrow.parquet

    schema = _schema(first)
    number = 0
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for some in portions(events, len):
            writer.write_table(pyarrow.Table.from_pylist([_row(raw) for raw in some], schema=schema))
            number += len(some)
            progress(number)
    return number


def _schema(first: First) -> "pyarrow.Schema":
    import pyarrow as pa

    columns = [
        ("stream", pa.string()),
        ("version", pa.int64()),
        ("type", pa.string()),
        ("schema", pa.int64()),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("ts", pa.uint64()),
        ("actor", pa.string()),
        ("bucket", pa.int64()),
        ("id", pa.binary()),
        ("cause", pa.binary()),
        ("data", pa.string()),
        ("prev", pa.binary()),
        ("hash", pa.binary()),
        pa.field("raw", pa.binary(), nullable=False),
    ]
    return pa.schema(columns, metadata={"eventqueue": msgspec.json.encode(first.document)})


def _row(raw: bytes) -> dict[str, Any]:
    """Return an event's columns; null for what is not of the column's type, as of an event that cannot be read."""
    document = document_of(raw)
    place, ts, data = document.get("_id"), document.get("ts"), document.get("data")
    placed = place if isinstance(place, Mapping) else {}
    return {
        "stream": _of(str, placed.get("stream")),
        "version": _of(int, placed.get("version")),
        "at": _of(datetime, document.get("at")),
        "ts": ts.time << 32 | ts.inc if isinstance(ts, Timestamp) else None,
        "data": None if data is None else msgspec.json.encode(plain(data)).decode(),
        "raw": raw,
        **{name: _of(str, document.get(name)) for name in ("type", "actor")},
        **{name: _of(int, document.get(name)) for name in ("schema", "bucket")},
        **{name: _of(bytes, document.get(name)) for name in ("id", "cause", "prev", "hash")},
    }


def _of(kind: type, value: object) -> object:
    return value if isinstance(value, kind) and not isinstance(value, bool) else None
