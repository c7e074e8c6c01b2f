"""A script with tasks of its own: `python thumbnails.py PICTURE…` enqueues, and waits for what comes of it.

Its worker, in another terminal: queuectl worker start --import thumbnails --import-path .
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from eventqueue import NO_JOB, Context, current_queue, task


@dataclass
class Thumbnail:
    file: Path
    width: int


@task(max_retries=2)
def shrink(picture: Path, width: int = 100, ctx: Context = NO_JOB) -> Thumbnail:
    """Make a small picture of a large one."""
    ctx.progress(0, 1, picture.name)
    small = picture.with_suffix(f".{width}.txt")
    small.write_text(picture.read_text()[:width])
    return Thumbnail(small, width)


def main(pictures: list[str]) -> None:
    with current_queue() as queue:  # that of QUEUECTL_URI, or a local one
        receipts = [shrink.enqueue(Path(one).resolve(), width=10) for one in pictures]
        for job in queue.wait([one.id for one in receipts], timeout=60):
            print(job.state, job.result.value if job.result else job.last_error)


if __name__ == "__main__":
    main(sys.argv[1:])
