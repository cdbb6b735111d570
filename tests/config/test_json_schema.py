"""JSON Schemas: valid by a checker of their own draft, and as strict as the loader."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import jschon
import pytest

from archsim.config import Vocabulary
from archsim.config.machines import machine_names
from archsim.config.paths import device_files, run_files
from archsim.config.schema import json_schema
from archsim.config.yaml_strict import parse_document, read_document
from archsim.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jschon on rfc3986

GOOD = "workload: {model: toy, batch: 1}\ndevice: h200\n"


@cache
def checker(kind: str) -> Any:
    jschon.create_catalog("2020-12")
    return jschon.JSONSchema(json_schema(kind))


def valid(kind: str, data: Any) -> bool:
    return bool(checker(kind).evaluate(jschon.JSON(data)).valid)


@pytest.mark.parametrize("kind", ["run", *machine_names()])
def test_a_schema_keeps_the_rules_of_its_draft(kind: str) -> None:
    assert checker(kind).validate().valid


def test_shipped_files_are_valid() -> None:
    for file in list(device_files().values())[:3]:
        data = read_document(file).data
        assert valid(data["machine"], data), file
    for file in run_files().values():
        assert valid("run", read_document(file).data), file


@pytest.mark.parametrize(
    "change",
    [
        {"value": "many"}, {"value": 0}, {"value": 1.5}, {"value": 1e9}, {"unit": "SM"},
        {"basis": "guess"}, {"source": ""}, {"uncertainty": -1}, {"colour": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_constant_is_invalid(change: dict[str, Any]) -> None:
    data = copy.deepcopy(read_document(device_files()["h200"]).data)
    data["sm_count"].update(change)
    assert not valid("gpu", data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, True),
        (GOOD + "sweep: {device.sm_count: [66, 132], workload.batch: [1]}\n", True),
        (GOOD + "sweep: {device.sm_count: {start: 1, stop: 9, num: 3}}\n", True),
        (GOOD + "sweep: {zip: {device.sm_count: [66]}}\n", True),
        (GOOD + "sweep: {list: [{device.sm_count: 66}]}\n", True),
        (GOOD + "sweep: {device.sm_count: {start: 1, stop: 9}}\nsearch: {budget: 9}\n", True),
        (GOOD + "sweep: {grid: {device.sm_count: {start: 1, stop: 9}}}\n", False),
        (GOOD + "search: {budget: 0}\n", False),
        (GOOD + "search: {method: ga, budget: 1}\n", False),
        (GOOD + "sweep: {device.sm_count: [many]}\n", False),
        (GOOD + "sweep: {device.sm_count: [0]}\n", False),
        (GOOD + "sweep: {sm_count: [66]}\n", False),
        (GOOD + "sweep: {zip: {device.sm_count: [66]}, mode: zip}\n", False),
        (GOOD + "sweep: {device.sm_count: {start: 1, stop: 9}}\n", False),
        (GOOD + "colour: red\n", False),
        (GOOD + "name: ../x\n", False),
        (GOOD + "minimize: latency_us\n", False),
        ("workload: {model: toy}\n", False),
        ("workload: {batch: 1}\ndevice: h200\n", False),
        ("workload: {onnx: m.onnx, batch: 0}\ndevice: h200\n", False),
        ("workload: {onnx: m.onnx, batch: 1}\ndevice: my.yaml\n", True),
        ("workload: {model: toy}\ndevice: h20\n", False),
        ("workload: {model: toy}\ndevice: {machine: gpu}\n", False),
    ],
)
def test_run_files_as_an_editor_sees_them(text: str, expected: bool) -> None:
    assert valid("run", parse_document(text, "f").data) == expected


def test_the_vocabulary_completes_names() -> None:
    words = Vocabulary(("toy",), lambda _: {}, {"gemm": ()}, {"gpu": ("latency_us",)})
    fields = json_schema("run", words)["properties"]
    assert fields["minimize"]["items"] == {"enum": ["latency_us"]}
    assert fields["workload"]["oneOf"][1]["properties"]["model"] == {"enum": ["toy"]}


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'gpu'"):
        json_schema("gup")
