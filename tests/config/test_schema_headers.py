"""Every shipped YAML names a schema for editors: it is there, it is new, and the file keeps it."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import jschon
import pytest

from archsim.app.listing import schema_kinds, schema_text
from archsim.config.yaml_strict import read_document

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jschon on rfc3986

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*(ROOT / "configs").rglob("*.yaml"), *(ROOT / "benchmarks").rglob("*.yaml")])
HEADER = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@cache
def checker(kind: str) -> Any:
    jschon.create_catalog("2020-12")
    return jschon.JSONSchema(
        json.loads((ROOT / "configs" / "schemas" / f"{kind}.json").read_text())
    )


def schema_file(file: Path) -> Path:
    """The schema that the first line of ``file`` names."""
    found = HEADER.match(file.read_text(encoding="utf-8"))
    assert found, f"{file} must begin with # yaml-language-server: $schema=…"
    return (file.parent / found[1]).resolve()


@pytest.mark.parametrize("kind", schema_kinds())
def test_the_committed_schemas_are_new(kind: str) -> None:
    file = ROOT / "configs" / "schemas" / f"{kind}.json"
    assert file.read_text(encoding="utf-8") == schema_text(kind), "run `make schemas`"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_shipped_file_names_the_schema_of_its_kind(file: Path) -> None:
    data = read_document(file).data
    kind = data.get("machine", "published" if "rows" in data else "run")
    assert schema_file(file) == ROOT / "configs" / "schemas" / f"{kind}.json"
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text())["yaml.schemas"]
    mine = [schema for schema, globs in settings.items()
            if any(fnmatch(file.relative_to(ROOT).as_posix(), glob) for glob in globs)]  # fmt: skip
    assert mine == [f"./configs/schemas/{kind}.json"], "VS Code's settings say the same"


def _valid(file: Path) -> bool:
    kind = schema_file(file).stem
    return bool(checker(kind).evaluate(jschon.JSON(read_document(file).data)).valid)


SMALL = [f for f in SHIPPED if f.parent.name not in ("devices",) or f.stem in ("h200", "t4")]


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_shipped_file_keeps_its_schema(file: Path) -> None:
    assert _valid(file)


@pytest.mark.slow
def test_every_gpu_keeps_its_schema() -> None:
    for file in (ROOT / "configs" / "devices").glob("*.yaml"):
        assert _valid(file), file


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"tag": "V"}, False),
        ({"value": -1}, False),
        ({"extra": 1}, False),
        ({"how": {"run": "a.yaml"}}, False),
        ({"how": {"runs": [{"a": 1}], "reduce": "sum", "field": "metrics.x"}}, False),
        ({"how": {"runs": [{"a": 1}], "reduce": "max", "field": "metrics.x"}}, True),
        ({"how": {"run": "a.yaml", "field": "x"}}, False),
    ],
    ids=str,
)
def test_published_rows_keep_the_loaders_rules(change: dict[str, Any], valid: bool) -> None:
    row = {
        "id": "a", "quantity": "q", "unit": "x", "value": 1, "tag": "V-abs", "source": "s",
        "tolerance": 0.1, "counted": True, "how": {"run": "a.yaml", "field": "metrics.latency_us"},
    }  # fmt: skip
    found = checker("published").evaluate(jschon.JSON({"rows": [row | change]}))
    assert bool(found.valid) is valid
