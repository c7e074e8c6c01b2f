"""Who may import whom: a house of rooms, each of which knows those before it in the list; what is pure stays so."""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The house from the ground up: whatever is in a room imports from that room and from those before it in this list. What
# stands in no room of its own (`eventqueue.worker.engine`, `eventqueue.cli.jobs`) belongs to the one that is around it.
ROOMS = (
    "eventqueue.errors",
    "eventqueue.model",
    "eventqueue.schedules",
    "eventqueue.system",
    "eventqueue.tasks",
    "eventqueue.ports",
    "eventqueue.log",
    "eventqueue.mongo",
    "eventqueue.steering",
    "eventqueue.ticking",
    "eventqueue.audit",
    "eventqueue.sealing",
    "eventqueue.travel",
    "eventqueue.transfer",
    "projections.folds",
    "projections.keeping",
    "projections.reading",
    "projections.auditing",
    "projections.registry",
    "eventqueue.connect",
    "eventqueue.server",
    "eventqueue.api",
    "eventqueue.telling",
    "eventqueue.worker.life",
    "eventqueue.worker.claims",
    "eventqueue.worker.running",
    "eventqueue.worker.shell",
    "eventqueue.worker.python",
    "eventqueue.worker",
    "eventqueue.testing",
    "eventqueue.web",
    "eventqueue.cli.render",
    "eventqueue.cli",
)
DOORS = {"eventqueue", "eventqueue.__main__", "projections"}  # by which people come in: they import at the first use
PURE = {
    *("eventqueue.errors", "eventqueue.model", "eventqueue.schedules", "eventqueue.ports", "eventqueue.audit"),
    "projections.folds",
}
# All else in the standard library may reach a clock, a file, a process, chance or the network.
HARMLESS = {
    *("__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "datetime", "difflib", "enum"),
    *("functools", "hashlib", "heapq", "itertools", "math", "operator", "re", "reprlib", "types", "typing"),
    *("uuid", "bson", "cronsim", "msgspec"),
}
EXCEPT: dict[str, set[str]] = {
    "eventqueue.model.codec": {"os"},  # random bytes
    "eventqueue.model.figures": {"contextvars"},  # in which zone people are shown times
}
CLOCK_AND_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "open", "input", "print"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(*packages: str) -> list[str]:
    return sorted(module_name(path) for package in packages for path in (ROOT / package).rglob("*.py"))


@cache
def tree_of(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """Return the dotted name of each module, and of each name in one, that `module` imports, wherever it does so."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively: name the module whole"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_of(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def is_ours(name: str) -> bool:
    return is_of(name, {"eventqueue", "projections"})


def room_of(name: str) -> str | None:
    """Return the innermost room that a module, or a name in one, is in; None at a door."""
    return max((room for room in ROOMS if is_of(name, {room})), key=len, default=None)


EVERY = modules("eventqueue", "projections")
PURE_MODULES = [name for name in EVERY if is_of(name, PURE)]


def wrong(modules: Iterable[str], of_one: Callable[[str], set[str]]) -> dict[str, set[str]]:
    """Return what is wrong in each module, where something is: of a thousand, all are looked at in one test."""
    return {module: found for module in modules if (found := of_one(module))}


def test_a_module_imports_from_its_own_room_and_those_before_it_alone() -> None:
    def from_above(module: str) -> set[str]:
        own = room_of(module)
        assert own is not None, f"{module} is in no room"
        below = ROOMS[: ROOMS.index(own) + 1]
        # By a door nobody goes who is inside: it leads to every room.
        ours = {name for name in imports(module) if is_ours(name)} - {"eventqueue.__version__"}
        return {name for name in ours if room_of(name) not in below}

    assert wrong([name for name in EVERY if name not in DOORS], from_above) == {}


def test_each_room_is_there_and_has_a_sentence_at_its_door() -> None:
    for room in ROOMS:
        assert room in EVERY
        assert ast.get_docstring(tree_of(room)), room


def test_no_module_imports_itself_by_way_of_others() -> None:
    order = TopologicalSorter(
        {
            module: {max((m for m in EVERY if is_of(name, {m})), key=len) for name in imports(module) if is_ours(name)}
            - {module}
            for module in EVERY
            if module not in DOORS
        }
    )

    order.prepare()  # raises CycleError


def test_a_pure_module_imports_nothing_that_reaches_outside() -> None:
    def reaching(module: str) -> set[str]:
        allowed = HARMLESS | PURE | EXCEPT.get(module, set())
        return {name for name in imports(module) if not is_of(name, allowed)}

    assert wrong(PURE_MODULES, reaching) == {}


def test_a_pure_module_asks_no_clock_and_no_chance() -> None:
    def asking(module: str) -> set[str]:
        calls = [node.func for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
        called = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
        return called & CLOCK_AND_CHANCE

    assert wrong(PURE_MODULES, asking) == {}


def test_the_codec_uses_the_system_for_random_bytes_alone() -> None:
    uses = {
        node.attr
        for node in ast.walk(tree_of("eventqueue.model.codec"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }

    assert uses == {"urandom"}


def test_the_write_side_knows_the_read_side_only_where_both_are_wired_together() -> None:
    write_side = [name for name in modules("eventqueue") if name != "eventqueue.connect"]

    assert wrong(write_side, lambda module: {name for name in imports(module) if is_of(name, {"projections"})}) == {}


def test_no_module_of_ours_imports_a_test() -> None:
    assert wrong(EVERY, lambda module: {name for name in imports(module) if is_of(name, {"tests"})}) == {}
