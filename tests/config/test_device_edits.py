"""Single values of a device set by path: the rules hold, nothing else changes, and it is fast."""

from __future__ import annotations

import time

import pytest

from archsim.config import Constant, Device, digest, load_device
from archsim.config.leaves import leaves
from archsim.errors import ConfigError


@pytest.fixture(scope="module")
def device() -> Device:
    return load_device("h200")


def test_a_set_constant_keeps_its_unit_and_is_chosen(device: Device) -> None:
    edited = device.with_values({"sm_count": 66, "memory.bandwidth_bytes_per_s.value": 2e12})
    constants = dict(edited.constants())
    assert constants["sm_count"] == Constant(
        value=66.0, unit="1", basis="chosen", source="override", uncertainty=0.0
    )
    assert constants["memory.bandwidth_bytes_per_s"].value == 2e12
    before = dict(device.constants())
    assert before["sm_count"].value == 132
    changed = {path for path in before if before[path] != constants[path]}
    assert changed == {"sm_count", "memory.bandwidth_bytes_per_s"}


def test_an_edit_equals_the_device_read_with_it(device: Device) -> None:
    edited = device.with_values({"clock.boost_hz": 1.7e9})
    again = type(device).model_validate_json(edited.model_dump_json())
    assert again == edited
    assert digest(again) == digest(edited) != digest(device)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("sm_count", "many", "device.sm_count must be an integer from 1 to 4096, not 'many'"),
        ("sm_count", True, "not true"),
        ("sm_count", 1.5, "not 1.5"),
        ("sm_count", None, "not null"),
        ("sm_count", 10**400, "an integer from 1 to 4096"),
        ("sm_count", float("nan"), "not nan"),
        ("sm_cuont", 1, "did you mean 'sm_count'?"),
        ("memory", 1, "must be a field"),
        ("memory.bandwith_bytes_per_s", 1, "did you mean 'memory.bandwidth_bytes_per_s'?"),
        ("sm_count.unit", "1", "must be a field"),
        ("architecture", "hoper", "'hopper'"),
        ("architecture", "ampere", "device.compute_capability must be 8.0 or 8.6 or 8.7"),
        ("machine", "gpu", "must be a field"),
        ("name", "../../etc", "device.name must be a name"),
        ("clock.boost_hz", 1.0, "must be at least clock.base_hz"),
        ("power.idle_w", 1e6, "must be at least power.idle_w"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_edits_are_one_sentence(
    device: Device, path: str, value: object, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        device.with_values({path: value})  # type: ignore[dict-item]
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_leaf_twice_is_refused(device: Device) -> None:
    with pytest.raises(ConfigError, match="once, not twice"):
        device.with_values({"sm_count": 1, "sm_count.value": 2})


def test_every_constant_of_the_schema_is_found(device: Device) -> None:
    schema = {path for path, leaf in leaves(type(device)).items() if leaf.rule}
    assert {path for path, _ in device.constants()} <= schema
    assert len(schema) > 100


def test_calibration_replaces_whole_constants(device: Device) -> None:
    new = Constant(value=100.0, unit="1", basis="measured", source="count", uncertainty=0.0)
    assert dict(device.with_constants({"sm_count": new}).constants())["sm_count"] is new
    with pytest.raises(ConfigError, match="must be '1'"):
        device.with_constants({"sm_count": new.model_copy(update={"unit": "B"})})
    with pytest.raises(ConfigError, match="plain field"):
        device.with_constants({"title": new})


def test_an_edit_takes_less_than_200_us(device: Device) -> None:
    edits = {"sm_count": 66, "clock.boost_hz": 1.7e9, "memory.bandwidth_bytes_per_s": 2e12}
    best = min(_seconds(device, edits) for _ in range(5))
    assert best < 200e-6


def _seconds(device: Device, edits: dict[str, float]) -> float:
    start = time.perf_counter()
    for _ in range(50):
        device.with_values(edits)
    return (time.perf_counter() - start) / 50
