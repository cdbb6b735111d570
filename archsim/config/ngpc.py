"""The device file of a neural-graphics cluster (``machine: ngpc``)."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from archsim.config.constant import NAME_PATTERN, Constant, Group, constant, rule_error
from archsim.config.device import Device
from archsim.config.ngpc_applications import APPLICATIONS
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import NfpFormats, NfpParams


class GridChoice(Group):
    """The grid that the encoding engines are built for; dimensions come from the application."""

    levels: Annotated[int, Field(ge=1, le=32)]
    """Resolutions."""
    features: Annotated[int, Field(ge=1, le=8)] = 2
    """Numbers an entry: 1, 2, 4 or 8."""
    log2_entries: Annotated[int, Field(ge=3, le=24)]
    """Most entries a level of a hash grid, as a power of two."""
    base: Annotated[int, Field(ge=2, le=4096)] = 16
    """Vertices an axis at the coarsest level."""
    growth: Annotated[float, Field(ge=1, le=8)]
    """Factor between the resolutions of neighbouring levels."""
    kind: Literal["hash", "dense", "tiled"] = "hash"
    """How an entry is found."""
    interpolation: Literal["linear", "smoothstep"] = "linear"
    """Weights of a cell's corners."""


class FormatChoice(Group):
    """Widths of the numbers in the hardware; scales are data of a network."""

    position_bits: Annotated[int, Field(ge=8, le=32)] = 18
    """Unsigned positions in [0, 1)."""
    scale_fraction_bits: Annotated[int, Field(ge=0, le=16)] = 8
    """Of the factor from positions to cells of a level."""
    fraction_bits: Annotated[int, Field(ge=1, le=16)] = 8
    """Of the position in a cell."""
    feature_bits: Annotated[int, Field(ge=2, le=16)] = 16
    """Grid features."""
    weight_bits: Annotated[int, Field(ge=2, le=16)] = 16
    """Perceptron weights."""
    activation_bits: Annotated[int, Field(ge=8, le=16)] = 16
    """Activations between layers."""
    direction_bits: Annotated[int, Field(ge=8, le=18)] = 16
    """Directions, for spherical harmonics."""


class EncodingEngines(Group):
    """Input encoding: engines, their grid memory, and the arbitration of its banks."""

    levels_per_engine: Annotated[int, Field(ge=1, le=32)] = 1
    """Levels that take turns on one engine."""
    banks: Annotated[int, Field(ge=1, le=32)] = 8
    """Single-port banks of a level's memory, a power of two."""
    queue_depth: Annotated[int, Field(ge=1, le=64)] = 8
    """Requests that wait at a bank."""
    sram_bytes: Annotated[int, Field(ge=256, le=1 << 30)]
    """Grid memory of one engine."""


class PerceptronEngine(Group):
    """The array that computes fully connected layers."""

    rows: Annotated[int, Field(ge=1, le=256)] = 64
    """Samples at once."""
    columns: Annotated[int, Field(ge=1, le=256)] = 64
    """Neurons at once."""
    lanes: Annotated[int, Field(ge=1, le=256)] = 64
    """Sums that are rounded and stored in a cycle; a divisor of ``columns``."""


class Cluster(Group):
    """Neural field processors on the host's L2 cache."""

    processors: Annotated[int, Field(ge=1, le=1024)]
    """Neural field processors."""
    batches: Annotated[int, Field(ge=1, le=4096)] = 64
    """Batches that a frame is cut into, so that host and cluster overlap."""
    l2_bytes_per_clk: Constant = constant(
        "B/clk", above=0, doc="all processors together, at the cluster's clock"
    )
    rest_fusion: Constant = constant(
        "1", minimum=1, maximum=1000, doc="speed-up of the remaining kernels, fused on the host"
    )


class NgpcClock(Group):
    """The cluster's clock domain."""

    frequency_hz: Constant = constant("Hz", above=0)


class NgpcPower(Group):
    """Energy per event and static power."""

    mac_pj: Constant = constant("pJ", minimum=0, maximum=1e6, doc="one multiply-accumulate")
    sram_pj_per_byte: Constant = constant(
        "pJ/B", minimum=0, maximum=1e6, doc="grid memory, one read"
    )
    l2_pj_per_byte: Constant = constant("pJ/B", minimum=0, maximum=1e6)
    static_w_per_mm2: Constant = constant("W/mm2", minimum=0, maximum=1e3)


class NgpcArea(Group):
    """Silicon area of the parts."""

    sram_mm2_per_mib: Constant = constant("mm2/MiB", minimum=0, maximum=1e3)
    mac_um2: Constant = constant("um2", minimum=0, maximum=1e6)
    lane_um2: Constant = constant(
        "um2", minimum=0, maximum=1e7, doc="one bank's queue, port and share of the interpolation"
    )


class NgpcDevice(Device):
    """A cluster of neural field processors beside a host GPU."""

    machine: Literal["ngpc"]
    application: Literal["nerf", "nsdf", "nvr", "gia"] = "nsdf"
    """What the RTL is built for; other verbs take the application they are given."""
    grid: GridChoice
    formats: FormatChoice = FormatChoice()
    encoding: EncodingEngines
    perceptron: PerceptronEngine
    cluster: Cluster
    host: Annotated[str, Field(pattern=NAME_PATTERN)]
    """The GPU whose L2 the cluster hangs on: the name of a shipped device."""
    clock: NgpcClock
    power: NgpcPower
    area: NgpcArea

    def cross_checks(self) -> None:
        """Raise where fields do not fit each other."""
        if self.grid.features not in (1, 2, 4, 8):
            raise rule_error("1, 2, 4 or 8", self.grid.features, "grid.features")
        banks = self.encoding.banks
        if banks & (banks - 1):
            raise rule_error("a power of two", banks, "encoding.banks")
        lanes, columns = self.perceptron.lanes, self.perceptron.columns
        if columns % lanes:
            raise rule_error(f"a divisor of columns ({columns})", lanes, "perceptron.lanes")
        if self.formats.activation_bits < self.formats.feature_bits:
            rule = f"at least feature_bits ({self.formats.feature_bits})"
            raise rule_error(rule, self.formats.activation_bits, "formats.activation_bits")
        for application in APPLICATIONS:
            try:
                self.params_for(application)
            except ValueError as error:
                raise rule_error(f"such that {error}", self.grid.growth, "grid.growth") from None

    @cached_property
    def params(self) -> NfpParams:
        """What the RTL depends on; host, clock and power do not change it."""
        return self.params_for(self.application)

    def params_for(self, application: str) -> NfpParams:
        """Return the processor's parameters when built for ``application``."""
        app = APPLICATIONS[application]
        grid = GridParams(dims=app.dims, **self.grid.model_dump())
        return NfpParams(
            grid=grid,
            mlps=app.mlps(grid),
            formats=NfpFormats(**self.formats.model_dump()),
            banks=self.encoding.banks,
            queue_depth=self.encoding.queue_depth,
            levels_per_engine=self.encoding.levels_per_engine,
            mlp_rows=self.perceptron.rows,
            mlp_columns=self.perceptron.columns,
            mlp_lanes=self.perceptron.lanes,
            processors=self.cluster.processors,
        )
