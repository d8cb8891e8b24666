"""The shape of the house: imports go one way, packages are listed, the root holds nothing else."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["hw", "gen", "sim", "firmware", "cli"]
ROOT_MODULES = {"__init__.py", "__main__.py"}


def package_files():
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def imported_floors(path: Path) -> set[str]:
    """Top-level parts of this package that a file imports, relatively or absolutely."""
    here = path.relative_to(ROOT).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            target = [*base, *(node.module or "").split(".")]
            found |= {target[0]} if target[0] else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("spikeloom.")}
            assert not any(name == "spikeloom" for name in names), f"{path}: import relatively"
    return found


@pytest.mark.parametrize("path", package_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    roof = {"__version__"} if FLOORS[floor] == "cli" else set()  # of the root itself
    assert imported_floors(path) <= {*FLOORS[: floor + 1], *roof}


@pytest.mark.parametrize("path", sorted((ROOT / "sim/golden").glob("*.py")), ids=lambda path: path.name)
def test_golden_never_sees_a_component(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("hw", "gen"):
            known = (
                "hw.params",
                "hw.conv_params",
                "gen.ir",
                "gen.errors",
                "gen.semantics",
                "gen.convolution",
            )
            assert node.module in known
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "amaranth"


def test_every_package_is_listed():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"spikeloom"}
    for floor in FLOORS:
        for init in (ROOT / floor).rglob("__init__.py"):
            found.add(".".join(["spikeloom", *init.relative_to(ROOT).parts[:-1]]))
    assert listed == found


def declared(*extras: str) -> set[str]:
    """Distributions that the project asks for, and those of `extras`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        *project["dependencies"],
        *(x for name in extras for x in project["optional-dependencies"][name]),
    ]
    return {re.split(r"[^\w.-]", line)[0].lower() for line in lines}


def foreign_imports(path: Path) -> set[str]:
    """Packages that a file imports which are neither Python's nor this project's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found - sys.stdlib_module_names - {"spikeloom", "setuptools"}


def test_whatever_is_imported_is_declared():
    """What is installed by hand, or comes with another package, must not hide a missing line."""
    of, tests = packages_distributions(), sorted((ROOT / "tests").rglob("*.py"))
    beside = {path.stem for path in tests}  # a bench of cocotb's imports its neighbour
    for path in [*package_files(), *tests]:
        known = declared("board", "sim", *(["test"] if path.is_relative_to(ROOT / "tests") else []))
        for name in foreign_imports(path) - beside:
            names = {distribution.lower() for distribution in of.get(name, [name])}
            assert names & known, f"{path}: {name} is of {names}, which pyproject.toml does not name"


def test_root_holds_the_api_only():
    assert {path.name for path in ROOT.glob("*.py")} <= ROOT_MODULES


def test_public_modules_say_what_they_offer():
    for path in package_files():
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "__all__" in names or path.name == "__init__.py", f"{path}: no __all__"


def test_no_file_grows_past_what_can_be_read():
    for path in package_files():
        assert path.read_text(encoding="utf-8").count("\n") <= 420, f"{path}: split it"
