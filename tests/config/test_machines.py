"""The table of machines, and the cross-field checks of a device class."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import pytest

from archsim.config import Constant, Device, constant, load_device
from archsim.config import machines as table
from archsim.config.constant import rule_error
from archsim.config.machines import machine_class, machine_names, register_machine
from archsim.errors import ConfigError

TOASTER = """\
machine: toaster
name: mine
title: A toaster
slots: {value: 2, unit: "1", basis: datasheet, source: manual, uncertainty: 0}
toasts: {value: 1, unit: "1", basis: datasheet, source: manual, uncertainty: 0}
mode: quick
"""


class Toaster(Device):
    machine: Literal["toaster"]
    slots: Constant = constant("1", minimum=1, integer=True)
    toasts: Constant = constant("1", minimum=0, integer=True)
    mode: Literal["quick", "slow"] = "quick"

    def cross_checks(self) -> None:
        if self.toasts.value > self.slots.value:
            raise rule_error("at most slots", self.toasts.value, "toasts.value")


@pytest.fixture
def toaster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table, "_MACHINES", dict(table._MACHINES))
    monkeypatch.setitem(sys.modules, "toaster_schema", sys.modules[__name__])
    monkeypatch.setattr(table, "find_spec", lambda name: name == "toaster_schema" or None)
    register_machine("toaster", "toaster_schema:Toaster")
    (tmp_path / "mine.yaml").write_text(TOASTER)
    return tmp_path / "mine.yaml"


def test_a_registered_machine_is_loaded(toaster: Path) -> None:
    device = load_device(toaster, ["device.mode=slow"])
    assert isinstance(device, Toaster)
    assert device.mode == "slow"
    assert machine_class("toaster") is Toaster


def test_cross_checks_run_when_read_and_when_edited(toaster: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--set toasts=3: device.toasts must be at most slots"):
        load_device(toaster, ["toasts=3"])
    load_device(toaster, ["toasts=3", "slots=4"])
    toaster.write_text(TOASTER.replace("toasts: {value: 1", "toasts: {value: 5"))
    with pytest.raises(ConfigError) as caught:
        load_device(toaster)
    words = "device.toasts.value must be at most slots, not 5"
    assert str(caught.value) == f"{toaster}:5:17: {words}"


def test_a_class_that_is_no_device_is_a_programming_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_MACHINES", {"path": "pathlib:Path"})
    with pytest.raises(TypeError, match="must be a subclass"):
        machine_class("path")


def test_machines_without_a_module_are_not_offered() -> None:
    assert "gpu" in machine_names()
    assert set(machine_names()) <= set(table._MACHINES)
