"""Who may import whom: what is pure stays pure, and the write side does not know the read side."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = {
    "eventqueue.errors",
    "eventqueue.model.retry",
    "eventqueue.model.events",
    "eventqueue.model.codec",
    "eventqueue.model.spec",
    "eventqueue.model.job",
    "eventqueue.log.portions",
    "eventqueue.ports.log",
    "eventqueue.ports.finder",
    "eventqueue.ports.views",
    "eventqueue.model.pause",
    "eventqueue.model.readable",
    "eventqueue.model.waits",
    "eventqueue.system.printable",
    "projections.folds.projection",
    "projections.folds.jobs",
    "projections.folds.stats",
    "projections.folds.histogram",
    "projections.folds.report",
    "projections.folds.decoding",
    "projections.folds.folding",
    "projections.folds.entries",
    "projections.folds.writes",
}
TUNING = {"eventqueue.system.tuning"}  # of the interpreter, for whoever works much
LOG = {
    "eventqueue.ports.log",
    "eventqueue.log.memory",
    "eventqueue.mongo.log",
    "eventqueue.mongo.errors",
    "eventqueue.mongo.layout",
    "eventqueue.mongo.clock",
    "eventqueue.mongo.ground",
    "eventqueue.mongo.slices",
    "eventqueue.steering.pauses",
}
# All else in the standard library may reach a clock, a file, a process, chance or the network.
HARMLESS = {
    *("__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "datetime", "difflib", "enum"),
    *("functools", "hashlib", "heapq", "itertools", "math", "operator", "re", "reprlib", "types", "typing"),
    *("uuid", "bson", "msgspec"),
}
CLOCK_AND_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "open", "input", "print"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(*packages: str) -> list[str]:
    return sorted(module_name(path) for package in packages for path in (ROOT / package).rglob("*.py"))


def tree_of(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def imports(module: str) -> Iterator[str]:
    """Yield the dotted name of each module, and of each name in one, that `module` imports, wherever it does so."""
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


@pytest.mark.parametrize("module", [name for name in modules("eventqueue", "projections") if name in PURE])
def test_a_pure_module_imports_nothing_that_reaches_outside(module: str) -> None:
    random_bytes = {"os"} if module == "eventqueue.model.codec" else set()

    assert {name for name in imports(module) if not is_of(name, HARMLESS | PURE | random_bytes)} == set()


@pytest.mark.parametrize("module", [name for name in modules("eventqueue", "projections") if name in PURE])
def test_a_pure_module_asks_no_clock_and_no_chance(module: str) -> None:
    calls = [node.func for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]

    called = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    assert called.isdisjoint(CLOCK_AND_CHANCE)


def test_the_codec_uses_the_system_for_random_bytes_alone() -> None:
    uses = {
        node.attr
        for node in ast.walk(tree_of("eventqueue.model.codec"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }

    assert uses == {"urandom"}


@pytest.mark.parametrize("module", [name for name in modules("eventqueue") if name != "eventqueue.connect"])
def test_the_write_side_knows_the_read_side_only_where_both_are_wired_together(module: str) -> None:
    assert [name for name in imports(module) if is_of(name, {"projections"})] == []


@pytest.mark.parametrize("module", modules("projections"))
def test_the_read_side_knows_of_the_write_side_its_pure_modules_and_its_log(module: str) -> None:
    ours = {name for name in imports(module) if is_ours(name)}

    assert {name for name in ours if not is_of(name, PURE | LOG | TUNING | {"projections"})} == set()


@pytest.mark.parametrize("module", modules("eventqueue", "projections"))
def test_no_module_of_ours_imports_a_test(module: str) -> None:
    assert [name for name in imports(module) if is_of(name, {"tests"})] == []


def test_the_modules_that_these_rules_name_are_there() -> None:
    found = set(modules("eventqueue"))

    assert {name for name in PURE | LOG if name.startswith("eventqueue.")} <= found
