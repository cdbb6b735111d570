"""The run file: a workload, a device, what to vary and what to minimise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from archsim.config.constant import NAME_PATTERN, Group
from archsim.config.constraint import Constraint
from archsim.config.device import Device
from archsim.config.digest import digest, plain
from archsim.config.machines import machine_class
from archsim.config.search import Search
from archsim.config.sweep import MAX_POINTS_WITHOUT_YES, Sweep
from archsim.config.yaml_strict import Scalar
from archsim.errors import ConfigError

Execution = Literal["graph", "eager", "kernels"]
FORMS = ("model", "onnx", "op")


class RunData(Group):
    """A run file: what to run, on which device, what to vary and what to minimise."""

    # The parts typed ``Any`` have their own checks.

    name: str | None = Field(
        default=None, pattern=NAME_PATTERN, description="name of the output folder"
    )
    workload: Any = Field(description="what to run: a model, an ONNX file or one operator")
    device: Any = Field(description="a device's name, its file, or the device itself")
    sweep: Any = Field(default=None, description="paths to vary, with their values")
    search: Any = Field(default=None, description="sampler that chooses among the sweep's points")
    minimize: tuple[str, ...] = Field(
        default=("latency_us", "energy_j"),
        min_length=1,
        max_length=8,
        description="metrics of the Pareto front",
    )
    constraints: Any = Field(
        default=None, description="limits of metrics; designs that break one are no answer"
    )
    execution: Execution = Field(
        default="graph",
        description="launched as one CUDA graph, eagerly one by one, or kernels alone",
    )


@dataclass(frozen=True)
class WorkloadChoice:
    """A workload: its ``form`` (model, onnx or op), which one (``head``) and the choices made."""

    form: str
    head: str
    choices: Mapping[str, Scalar] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Scalar]:
        """Return the mapping as a run file writes it, the form first."""
        return {self.form: self.head, **self.choices}


@dataclass(frozen=True)
class Point:
    """One resolved design point."""

    workload: dict[str, Scalar]
    device: Device
    execution: str


@dataclass(frozen=True)
class Design:
    """The base of every point of a run: workload, device and the devices a sweep names."""

    workload: WorkloadChoice
    device: Device
    execution: str = "graph"
    devices: Mapping[str, Device] = field(default_factory=dict)

    def point(self, values: Mapping[str, Scalar]) -> Point:
        """Return the point with ``values`` (sweep paths) set; ``ConfigError`` on a wrong one."""
        workload = self.workload.to_dict()
        device = self.device
        edits: dict[str, Scalar] = {}
        for path, value in values.items():
            head, _, rest = path.partition(".")
            if head == "workload" and rest:
                workload[rest] = value
            elif path == "device":
                device = self.devices[str(value)]
            elif head == "device":
                edits[rest] = value
            else:
                raise ConfigError(f"a path must start with workload. or device., not {path!r}")
        if edits:
            device = device.with_values(edits, source="sweep")
        return Point(workload, device, self.execution)

    def context(self) -> dict[str, Any]:
        """Return plain JSON data from which ``from_context`` builds an equal design."""
        return {
            "workload": self.workload.to_dict(),
            "device": plain(self.device),
            "devices": {name: plain(device) for name, device in self.devices.items()},
            "execution": self.execution,
        }

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Design:
        """Return the design that ``context()`` wrote, validated again."""
        workload = dict(context["workload"])
        form = next(form for form in FORMS if form in workload)
        head = workload.pop(form)
        return cls(
            WorkloadChoice(form, head, workload),
            device_from_plain(context["device"]),
            context["execution"],
            {name: device_from_plain(data) for name, data in context["devices"].items()},
        )


@dataclass(frozen=True)
class RunFile(Design):
    """A validated run file. ``source`` is the file, ``digest`` covers everything but its name."""

    name: str = "run"
    sweep: Sweep = field(default_factory=Sweep)
    search: Search | None = None
    minimize: tuple[str, ...] = ("latency_us", "energy_j")
    constraints: tuple[Constraint, ...] = ()
    source: Path | None = None
    sweep_place: str = "sweep"

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved run."""
        sweep = {
            "mode": self.sweep.mode,
            "axes": list(self.sweep.axes.items()),
            "rows": [dict(row) for row in self.sweep.rows],
        }
        goal: dict[str, Any] = {"minimize": self.minimize}
        if self.search:
            goal["search"] = self.search.to_dict()
        if self.constraints:
            goal["constraints"] = {c.metric: c.to_dict() for c in self.constraints}
        return digest({**self.context(), "sweep": sweep, **goal})

    def confirm_size(self, yes: bool = False, limit: int = MAX_POINTS_WITHOUT_YES) -> None:
        """Raise ``ConfigError`` where the sweep has more than ``limit`` points and not ``yes``."""
        count = min(self.sweep.count, self.search.budget) if self.search else self.sweep.count
        if count > limit and not yes:
            what = "search" if self.search else "sweep"
            raise ConfigError(
                f"{self.sweep_place}: {what} must have at most {limit} points unless --yes is "
                f"given, not {count}"
            )


def device_from_plain(data: Mapping[str, Any]) -> Device:
    """Return the device of resolved plain ``data`` (``plain(device)``), validated again."""
    return machine_class(data["machine"]).model_validate(data, strict=False)
