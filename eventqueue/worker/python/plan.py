"""What is asked of the processes that run Python tasks."""

import msgspec


class PythonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The modules to import, with `import_path` among where Python looks; and the children that run their tasks.

    `max_tasks`, `max_memory` (bytes): a child that has had so many, or is so large, is replaced; None: it stays.
    `uri`, `db`: of the worker, where tasks enqueue others unless they name another queue.
    """

    imports: tuple[str, ...] = ()
    import_path: tuple[str, ...] = ()
    processes: int = 1
    threads: int = 1
    max_tasks: int | None = None
    max_memory: int | None = None
    uri: str | None = None
    db: str | None = None

    @property
    def room(self) -> int:
        """How many tasks that are not async may run at the same time."""
        return self.processes * self.threads if self.imports else 0
