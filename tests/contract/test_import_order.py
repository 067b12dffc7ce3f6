"""The house's order: a folder imports only from those before it, and no two files need each other."""

import ast
from pathlib import Path

import pytest

import swansong

SOURCE = Path(swansong.__file__).parent
SYSTEMS = ("ringdown", "encounters", "emri", "binaries")
ORDER = (
    ("core",),
    ("inference",),
    ("learning",),
    ("signals",),
    ("physics",),
    SYSTEMS,
    ("figures",),
    ("report",),
    ("cli",),
)
RANK = {folder: rank for rank, folders in enumerate(ORDER) for folder in folders}


def module_name(path: Path) -> str:
    parts = ["swansong", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def targets(name: str, node: ast.AST) -> set[str]:
    """Modules of swansong that one import statement needs."""
    if isinstance(node, ast.Import):
        found = {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
        package = name.split(".") if FILES[name].name == "__init__.py" else name.split(".")[:-1]
        base = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*base, *([node.module] if node.module else [])])
        found = {full if (full := f"{base}.{alias.name}") in FILES else base for alias in node.names}
    else:
        return set()
    return {target for target in found if target.split(".")[0] == "swansong"}


def imports(name: str) -> set[str]:
    """Everything a module imports anywhere, also inside functions."""
    return {target for node in ast.walk(TREES[name]) for target in targets(name, node)}


def imports_at_once(name: str) -> set[str]:
    """What a module imports while it is being imported itself."""
    found: set[str] = set()
    todo: list[ast.AST] = list(TREES[name].body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo += node.orelse
            continue
        found |= targets(name, node)
        todo += ast.iter_child_nodes(node)
    return found


def breach(name: str, target: str) -> str | None:
    """Say why a module may not import another one, None when it may."""
    here, there = name.split("."), target.split(".")
    if len(there) == 1:
        return None if here[1:2] in ([], ["cli"]) else f"{name} imports the top of the package"
    if len(here) == 1:
        return None
    folder, other = here[1], there[1]
    for part in (folder, other):
        if part not in RANK:
            return f"{name} or {target}: the folder {part!r} has no place in the import order"
    if folder == other:
        inner, outer = here[2:3], there[2:3]
        within_emri = folder == "emri" and inner != outer
        if within_emri and inner == ["tracks"] and outer in (["search"], ["amplitudes"]):
            return f"{name} imports {target}: emri/tracks is shared by both and knows neither"
        if within_emri and {*inner, *outer} == {"search", "amplitudes"}:
            return f"{name} imports {target}: emri/search and emri/amplitudes share emri/tracks only"
        return None
    if RANK[other] >= RANK[folder]:
        return f"{name} imports {target}: {other} does not come before {folder}"
    return None


def find_cycle(edges: dict[str, set[str]]) -> list[str]:
    """Find one cycle by walking depth first; empty when there is none."""
    done: set[str] = set()

    def walk(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        for following in sorted(edges.get(node, ())):
            if cycle := walk(following, [*trail, node]):
                return cycle
        done.add(node)
        return []

    return next((cycle for node in sorted(edges) if (cycle := walk(node, []))), [])


@pytest.mark.parametrize("name", FILES)
def test_a_module_imports_only_from_folders_before_its_own(name):
    breaches = [reason for target in sorted(imports(name)) if (reason := breach(name, target))]
    assert breaches == []


def test_there_are_no_cycles():
    assert find_cycle({name: imports_at_once(name) for name in FILES}) == []


def test_inference_and_learning_hold_no_physics():
    for name in FILES:
        if name.split(".")[1:2] in (["inference"], ["learning"]):
            assert "swansong.core.constants" not in imports(name), name


@pytest.mark.parametrize(
    "name, target",
    [
        ("swansong.core.files", "swansong.inference"),
        ("swansong.learning.flows", "swansong.signals.noise"),
        ("swansong.ringdown.model", "swansong.encounters.model"),
        ("swansong.physics.kerr", "swansong.emri.tracks"),
        ("swansong.figures.corner", "swansong.report"),
        ("swansong.emri.tracks.model", "swansong.emri.search"),
        ("swansong.emri.search.model", "swansong.emri.amplitudes.model"),
        ("swansong.core.files", "swansong"),
        ("swansong.misc.x", "swansong.core"),
    ],
)
def test_the_law_catches_a_breach(name, target):
    assert breach(name, target)


@pytest.mark.parametrize(
    "name, target",
    [
        ("swansong.report.page", "swansong.figures.corner"),
        ("swansong.emri.search.model", "swansong.emri.tracks.model"),
        ("swansong.ringdown.model", "swansong.physics.quasinormal"),
        ("swansong.cli.main", "swansong"),
        ("swansong", "swansong.core.precision"),
    ],
)
def test_the_law_lets_the_rest_pass(name, target):
    assert breach(name, target) is None


def test_the_search_for_cycles_finds_one():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
