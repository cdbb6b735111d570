"""The arrows of docs/architecture.md: every import goes down."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Rank of each part of archsim; a module may import its own part and parts of lower rank.
RANKS = {
    "version": 0, "units": 0, "errors": 0, "recent": 0, "formats": 1, "config": 2, "numeric": 3,
    "functional": 4, "graph": 4, "frontend": 4, "metrics": 5, "mapping": 6, "engine": 6,
    "models": 7, "sweep": 8, "validate": 8, "calibrate": 8, "report": 9, "app": 10, "cli": 11,
}  # fmt: skip
BELOW_APP = {part for part, rank in RANKS.items() if rank < RANKS["app"]}
OTHERS = {
    "workloads": {
        "config",
        "formats",
        "numeric",
        "functional",
        "graph",
        "frontend",
        "errors",
        "units",
    },
    "hdl": {"config", "formats", "numeric", "errors", "units"},
    "cosim": BELOW_APP,
}
PACKAGES = {"workloads": set(), "hdl": set(), "cosim": {"hdl", "workloads"}}


def imports(path: Path) -> set[str]:
    """Every absolute module name that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def part_of(module: str) -> str | None:
    """The part of archsim a dotted name lies in, or None outside archsim."""
    pieces = module.split(".")
    return pieces[1] if pieces[0] == "archsim" and len(pieces) > 1 and pieces[1] in RANKS else None


def archsim_files() -> list[Path]:
    return sorted((ROOT / "archsim").rglob("*.py"))


@pytest.mark.parametrize("path", archsim_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_archsim_imports_go_down(path: Path) -> None:
    parts = path.relative_to(ROOT / "archsim").with_suffix("").parts
    if parts == ("__init__",) or parts == ("__main__",):
        return
    here = parts[0]
    assert here in RANKS, f"{here} has no rank: say where it stands"
    for name in imports(path):
        there = part_of(name)
        if there is not None and there != here:
            assert RANKS[there] < RANKS[here], f"{here} must not import {name}"
        if name.split(".")[0] in ("hdl", "workloads", "cosim"):
            assert here == "app", f"only app may import {name}, not {here}"


@pytest.mark.parametrize("package", ["workloads", "hdl", "cosim"])
def test_other_packages_stay_below_app(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for name in imports(path):
            top = name.split(".")[0]
            there = part_of(name)
            if there is not None:
                assert there in OTHERS[package], f"{path.name} must not import {name}"
            if top in PACKAGES and top != package:
                assert top in PACKAGES[package], f"{path.name} must not import {name}"
