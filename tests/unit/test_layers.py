"""The layers of design: who may import whom, who owns what, and how large things may grow."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pipeline"

# From the lowest to the highest; a module imports lower tiers and, where it is a package, its own. The blank comments
# are the layers of docs/design.md.
TIERS: tuple[frozenset[str], ...] = (
    frozenset({"errors"}),
    frozenset({"model"}),
    frozenset({"elf", "lifting"}),
    frozenset({"v8", "workflows", "sbom"}),
    # L1: one owner for each outside thing
    frozenset({"processes", "fs"}),
    frozenset({"net", "packing", "report"}),
    frozenset({"roots"}),
    # L2
    frozenset({"context", "canaries", "examine"}),
    frozenset({"apt", "executors", "overlay", "record", "rust", "snapshots", "sources"}),
    frozenset({"github", "cache", "oci_registry"}),
    frozenset({"publication", "releasing"}),
    frozenset({"toolchains", "v8_build", "proof", "images", "prebuilding", "installing"}),
    frozenset({"rootfs", "workbench"}),
    # L3 to L5
    frozenset({"stages"}),
    frozenset({"orchestrate"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
COMMON_WALKS = ("ledger", "job", "v8_source", "building")
"""What the walks in ``orchestrate`` have in common, from the lowest; the other rooms there do not use each other."""
APART = frozenset({"stages"})
"""Packages whose modules do not import each other."""
OWNERS = {
    "subprocess": {"pipeline.processes.proc", "pipeline.processes.foreground"},
    "requests": {"pipeline.net", "pipeline.net.exchange"},
    "zipfile": {"pipeline.packing.zips"},
    "tarfile": {"pipeline.packing.tarball", "pipeline.packing.root_tar"},
    "zstandard": {"pipeline.packing.compression"},
    "backports": {"pipeline.packing.delta"},
    "bsdiff4": {"pipeline.packing.delta"},
    "cyclonedx": {"pipeline.sbom.cyclonedx"},
    "docker": {"pipeline.executors.docker"},
    "jinja2": {"pipeline.report.page"},
    # Settings are read by the command line, our own data and Cargo's files by those who know their form.
    "tomllib": {
        "pipeline.cli.spec_file",
        "pipeline.rust.cargo",
        "pipeline.rust.lockfile",
        "pipeline.model.distribution",
        "pipeline.rust.answers.manifests",
        "pipeline.rust.answers.store",
    },
    "yaml": {"pipeline.workflows.files"},
    "nox": set[str](),
}
PROGRAMS = {"pipeline.rootfs.launcher", "pipeline.rootfs.rustc"}
"""Modules that are programs of their own, started apart."""
MODULE_LINES = 300
FUNCTION_LINES = 60
LONGER_MODULES: dict[str, int] = {}
"""Modules that may be longer, and how long."""
LONGER_FUNCTIONS: dict[str, int] = {}
MUTABLE_CALLS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "bytearray", "OrderedDict"}
EXAMPLE_NAMES = re.compile(r"(?<![a-z])(pico|deno)(?!land)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Module:
    name: str
    path: Path
    tree: ast.Module

    @property
    def unit(self) -> str:
        """The module or package directly below ``pipeline`` that this belongs to."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""


def module_name(path: Path, package: Path = PACKAGE) -> str:
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_modules(package: Path) -> tuple[Module, ...]:
    return tuple(
        Module(module_name(path, package), path, ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(package.rglob("*.py"))
    )


@functools.cache
def modules() -> tuple[Module, ...]:
    return read_modules(PACKAGE)


def imports(module: Module, known: frozenset[str]) -> Iterator[str]:
    """Every module that *module* imports anywhere in it, most exact name first known."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name} has a relative import"
            source = node.module or ""
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in known else source


def own_imports(all_modules: tuple[Module, ...]) -> dict[str, set[str]]:
    known = frozenset(module.name for module in all_modules)
    return {
        module.name: {name for name in imports(module, known) if name in known and name != module.name}
        for module in all_modules
    }


def tier_of(unit: str) -> int:
    return next(number for number, tier in enumerate(TIERS) if unit in tier)


def wrong_edges(all_modules: tuple[Module, ...]) -> list[str]:
    """Imports that do not go strictly downward."""
    units = {module.name: module.unit for module in all_modules}
    return [
        f"{importer} imports {imported}"
        for importer, names in own_imports(all_modules).items()
        for imported in sorted(names)
        if units[importer] and units[imported] and not may_import(importer, imported, units)
    ]


def may_import(importer: str, imported: str, units: dict[str, str]) -> bool:
    here, there = units[importer], units[imported]
    if here == there:
        return here not in APART
    return tier_of(there) < tier_of(here)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Import cycles, found depth first."""
    found, done = [], set[str]()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
            return
        if name not in done:
            for inner in sorted(graph.get(name, ())):
                visit(inner, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    return found


def test_every_unit_has_its_tier() -> None:
    listed = frozenset().union(*TIERS)
    assert {module.unit for module in modules()} - listed - {""} == set()


def test_imports_go_strictly_downward() -> None:
    assert wrong_edges(modules()) == []


def room_of_walk(name: str) -> str:
    """Return the room in ``orchestrate`` that a module is in, or is."""
    parts = name.split(".")
    return parts[2] if parts[:2] == ["pipeline", "orchestrate"] and len(parts) > 2 else ""


def wrong_walks(all_modules: tuple[Module, ...]) -> list[str]:
    """Imports from one walk into another that is not below it."""
    edges = [
        (importer, imported, room_of_walk(importer), room_of_walk(imported))
        for importer, names in own_imports(all_modules).items()
        for imported in sorted(names)
    ]
    height = {name: number for number, name in enumerate(COMMON_WALKS)}
    return [
        f"{importer} imports {imported}"
        for importer, imported, here, there in edges
        if here and there and here != there and height.get(there, len(height)) >= height.get(here, len(height))
    ]


def test_walks_do_not_use_each_other() -> None:
    assert wrong_walks(modules()) == []


def test_no_module_imports_itself_through_others() -> None:
    assert cycles(own_imports(modules())) == []


def test_the_root_of_the_package_imports_nothing() -> None:
    root = next(module for module in modules() if module.name == "pipeline")
    assert list(imports(root, frozenset())) == []


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_library_is_imported_by_its_owner_only(library: str) -> None:
    importers = {m.name for m in modules() for name in imports(m, frozenset()) if name.split(".")[0] == library}
    assert importers - OWNERS[library] == set()


def test_only_the_command_line_reads_the_environment() -> None:
    readers = {
        module.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers - PROGRAMS == {"pipeline.cli.settings"}


def test_only_the_command_line_prints_and_exits() -> None:
    """``sys.exit`` and ``print`` elsewhere would be an error boundary of their own."""
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        if module.unit not in {"cli", "__main__"} and module.name not in PROGRAMS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit", "os._exit"}
    ]
    assert found == []


def long_modules(all_modules: tuple[Module, ...]) -> dict[str, int]:
    lengths = {module.name: len(module.path.read_text(encoding="utf-8").splitlines()) for module in all_modules}
    return {name: lines for name, lines in lengths.items() if lines > max(MODULE_LINES, LONGER_MODULES.get(name, 0))}


def test_modules_stay_short() -> None:
    assert long_modules(modules()) == {}


def test_functions_stay_short() -> None:
    lengths = {
        f"{module.name}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {
        name: lines for name, lines in lengths.items() if lines > max(FUNCTION_LINES, LONGER_FUNCTIONS.get(name, 0))
    } == {}


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Set | ast.ListComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1].split("[")[0] in MUTABLE_CALLS


def mutable_globals(module: Module) -> Iterator[str]:
    """Names at the top of a module that hold something that can grow, and ``global`` statements.

    Tables (dictionary displays) are data; that nothing writes to them is checked here, too.
    """
    tables = set()
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name) and target.id != "__all__"]
            if is_mutable(node.value):
                yield from names
            tables.update(names)
    for inner in ast.walk(module.tree):
        if isinstance(inner, ast.Global):
            yield from inner.names
        elif isinstance(inner, ast.Subscript) and isinstance(inner.ctx, ast.Store | ast.Del):
            name = ast.unparse(inner.value)
            yield from ([name] if name in tables and name.isupper() else [])


def test_no_mutable_globals() -> None:
    assert [f"{module.name}.{name}" for module in modules() for name in mutable_globals(module)] == []


def test_no_example_by_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in {".py", ".toml", ".rs", ".json"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if EXAMPLE_NAMES.search(line)
    ]
    assert found == []


def is_choice_of_imports(node: ast.stmt) -> bool:
    """Tell whether a statement imports one module or another, by the version of Python."""
    if not isinstance(node, ast.If) or not ast.unparse(node.test).startswith("sys.version_info"):
        return False
    return all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in (*node.body, *node.orelse))


def test_nothing_at_import_but_definitions() -> None:
    """Statements at the top of a module that do something: calls for their effect, loops, with blocks."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
    )  # fmt: skip
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        if module.name not in {"pipeline.__main__", *PROGRAMS}
        for node in module.tree.body
        if not isinstance(node, allowed)
        and not is_choice_of_imports(node)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    assert found == []


# The checks themselves, on a package that breaks the rules.


@pytest.fixture
def bad_package(tmp_path: Path) -> tuple[Module, ...]:
    files = {
        "errors.py": "import pipeline.fs\n",
        "fs.py": "from pipeline import errors\nSEEN = []\n",
        "stages/__init__.py": "",
        "stages/lift.py": "from pipeline.stages import analyze\nfrom pipeline.orchestrate import build\n",
        "stages/analyze.py": "TABLE = {}\ndef add() -> None:\n    TABLE['x'] = 1\n",
        "orchestrate/__init__.py": "def build() -> None:\n    from pipeline.cli import main\n",
        "orchestrate/images/__init__.py": "from pipeline.orchestrate import job\n",
        "orchestrate/releases.py": "from pipeline.orchestrate import images\n",
        "orchestrate/job.py": "from pipeline.orchestrate.building import driver\n",
        "orchestrate/building/__init__.py": "",
        "orchestrate/building/driver.py": "from pipeline.orchestrate import ledger\n",
        "orchestrate/ledger.py": "",
        "cli/__init__.py": "",
        "cli/main.py": "",
    }
    package = tmp_path / "pipeline"
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return read_modules(package)


def test_wrong_edges_are_found(bad_package: tuple[Module, ...]) -> None:
    assert sorted(wrong_edges(bad_package)) == [
        "pipeline.errors imports pipeline.fs",
        "pipeline.orchestrate imports pipeline.cli.main",
        "pipeline.stages.lift imports pipeline.orchestrate",
        "pipeline.stages.lift imports pipeline.stages.analyze",
    ]


def test_walks_into_another_are_found(bad_package: tuple[Module, ...]) -> None:
    assert wrong_walks(bad_package) == [
        "pipeline.orchestrate.job imports pipeline.orchestrate.building.driver",
        "pipeline.orchestrate.releases imports pipeline.orchestrate.images",
    ]


def test_cycles_are_found(bad_package: tuple[Module, ...]) -> None:
    assert cycles(own_imports(bad_package)) == [["pipeline.errors", "pipeline.fs", "pipeline.errors"]]


def test_mutable_globals_are_found(bad_package: tuple[Module, ...]) -> None:
    assert [name for module in bad_package for name in mutable_globals(module)] == ["SEEN", "TABLE"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("the pico example", True),
        ('"deno_core"', True),
        ("pico_v8", True),
        ("https://github.com/denoland/rusty_v8", False),
        ("topicos", False),
    ],
)
def test_example_names(line: str, found: bool) -> None:
    assert bool(EXAMPLE_NAMES.search(line)) is found
