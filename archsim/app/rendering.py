"""``archsim render``: a picture as the hardware's integers draw it, beside float and the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.app.output import print_table, write_json
from archsim.app.progress import spinner
from archsim.config import load_device
from archsim.config.ngpc import NgpcDevice
from archsim.config.ngpc_applications import APPLICATIONS
from archsim.config.ngpc_params import NfpParams
from archsim.errors import ConfigError

_CALIBRATION = 1 << 14
_MAX_SIDE = 4096


THROUGH = ("reference", "rtl")
"""What computes the network of the picture that is written."""


@dataclass(frozen=True)
class RtlFrame:
    """The same picture with every sample computed by the RTL.

    ``different``: pixels that are not those of the fixed-point renderer. ``cycles`` of all jobs.
    """

    different: int
    samples: int
    cycles: int
    picture: Any


@dataclass(frozen=True)
class Rendering:
    """How close the pictures of one application are; PSNR in dB.

    ``samples_per_pixel`` is what the fixed-point renderer asked its network for; ``sample_cycles``
    what the device's RTL takes for a sample in a long job.
    """

    application: str
    width: int
    height: int
    float_psnr_db: float
    fixed_psnr_db: float
    fixed_to_float_psnr_db: float
    samples_per_pixel: float
    sample_cycles: float
    picture: Any
    rtl: RtlFrame | None = None

    @property
    def frame_cycles(self) -> float:
        """Cycles of the frame's samples on the device's RTL."""
        return self.samples_per_pixel * self.width * self.height * self.sample_cycles

    @property
    def loss_db(self) -> float:
        """What fixed point costs against the truth."""
        return self.float_psnr_db - self.fixed_psnr_db

    def to_dict(self) -> dict[str, Any]:
        """Return the figures."""
        figures = {k: v for k, v in asdict(self).items() if k not in ("picture", "rtl")}
        if self.rtl is not None:
            frame = self.rtl
            figures |= {
                "rtl_pixels_different": frame.different,
                "rtl_samples": frame.samples,
                "rtl_cycles": frame.cycles,
            }
        finite = {k: v for k, v in figures.items() if not isinstance(v, float) or math.isfinite(v)}
        return {**finite, "loss_db": self.loss_db}


def render_and_print(
    application: str,
    device: str,
    overrides: Sequence[str],
    size: str,
    output: Path | None,
    json_file: Path | None,
    through: str = "reference",
    levels: int | None = None,
) -> int:
    """Render ``application`` with the device's number formats; write a PNG where asked for.

    1 where a pixel through the RTL is not the fixed-point renderer's.
    """
    from workloads.neural.picture import write_png

    if application not in APPLICATIONS:
        known = ", ".join(APPLICATIONS)
        raise ConfigError(f"the application must be one of {known}, not {application!r}")
    loaded = load_device(device, tuple(overrides))
    if not isinstance(loaded, NgpcDevice):
        raise ConfigError(f"--device must be of machine ngpc, not {loaded.machine!r}")
    if output is not None and output.suffix.lower() != ".png":
        raise ConfigError(f"--output must be a .png file, not {str(output)!r}")
    if through not in THROUGH:
        raise ConfigError(f"--through must be one of {', '.join(THROUGH)}, not {through!r}")
    width, height = _size(size)
    with spinner(f"rendering {application}"):
        result = rendering(
            application, loaded.params_for(application), width, height, through, levels
        )
    hz = float(loaded.clock.frequency_hz)
    row = {
        "float dB": f"{result.float_psnr_db:.2f}",
        "fixed dB": f"{result.fixed_psnr_db:.2f}",
        "loss dB": f"{result.loss_db:+.3f}",
        "fixed to float dB": f"{result.fixed_to_float_psnr_db:.2f}",
        "samples a pixel": f"{result.samples_per_pixel:.2f}",
    }
    title = f"{application} on {loaded.name}, {width}x{height}: PSNR against the ground truth"
    print_table(title, [row])
    print(
        f"{result.sample_cycles:.4g} cycles a sample, {hz / result.frame_cycles:.4g} such frames "
        f"a second at {hz / 1e6:g} MHz"
    )
    frame = result.rtl
    if frame is not None:
        print(
            f"through the RTL: {frame.different} of {width * height} pixels differ, "
            f"{frame.samples} samples in {frame.cycles} cycles "
            f"({1e3 * frame.cycles / hz:.1f} ms at {hz / 1e6:g} MHz)"
        )
    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_png(output, result.picture if frame is None else frame.picture)
        except OSError as error:
            raise ConfigError(
                f"--output: {output} must be a file that can be written ({error.strerror})"
            ) from None
        print(output)
    write_json(json_file, result.to_dict())
    return 1 if frame is not None and frame.different else 0


def rendering(
    application: str, params: NfpParams, width: int, height: int, through: str = "reference",
    levels: int | None = None,
) -> Rendering:  # fmt: skip
    """Render the truth, the float network and the fixed-point network, and that with the RTL.

    ``levels``: only so many of the coarsest count in fixed point; float keeps all.
    """
    from archsim.functional.ngpc import FixedNetwork, FloatNetwork, keep_levels, quantise
    from archsim.models.ngpc.rtl_cycles import sample_cycles
    from workloads.neural.fields import network_field
    from workloads.neural.picture import psnr
    from workloads.neural.render import render
    from workloads.neural.scenes import TRUTH
    from workloads.neural.shipped import MissingNetworkError, find

    try:
        network, _ = find(application, params)
    except MissingNetworkError as error:
        raise ConfigError(
            f"device.grid must be one that weights are shipped for: {error}"
        ) from None
    kept = network
    if levels is not None:
        if not 1 <= levels <= params.grid.levels:
            raise ConfigError(f"--levels must be 1 to {params.grid.levels}, not {levels}")
        kept = keep_levels(params, network, levels)
    positions, directions = calibration(application)
    data = quantise(params, kept, positions, directions)
    exact, fixed = FloatNetwork(params), FixedNetwork(params)
    truth = render(application, TRUTH[application], width, height)
    in_float = render(
        application, network_field(application, lambda p, d: exact(network, p, d)), width, height
    )
    in_fixed = render(
        application, network_field(application, lambda p, d: fixed(data, p, d)), width, height
    )
    return Rendering(
        application, width, height,
        float_psnr_db=psnr(in_float.picture, truth.picture),
        fixed_psnr_db=psnr(in_fixed.picture, truth.picture),
        fixed_to_float_psnr_db=psnr(in_fixed.picture, in_float.picture),
        samples_per_pixel=in_fixed.samples / (width * height),
        sample_cycles=max(sample_cycles(params, fixed.raw_positions(positions))),
        picture=in_fixed.picture,
        rtl=_with_rtl(application, params, data, in_fixed.picture) if through == "rtl" else None,
    )  # fmt: skip


def _with_rtl(application: str, params: NfpParams, data: Any, expected: Any) -> RtlFrame:
    """Render once more, every sample through the compiled RTL."""
    from cosim.compiled import Stimulus
    from cosim.ngpc import ProcessorBench, RtlNetwork
    from workloads.neural.fields import network_field
    from workloads.neural.render import render

    network = RtlNetwork(ProcessorBench(params, data, Stimulus()))
    field = network_field(application, lambda p, d: network(data, p, d))
    height, width, _ = expected.shape
    picture = render(application, field, width, height).picture
    different = int((picture != expected).any(axis=2).sum())
    return RtlFrame(different, network.samples, network.cycles, picture)


def calibration(application: str) -> tuple[Any, Any]:
    """Return the positions and directions that set a network's binary points."""
    app = APPLICATIONS[application]
    rng = np.random.default_rng(2026)
    positions = rng.random((_CALIBRATION, app.dims)).astype(np.float32)
    if not app.radiance:
        return positions, None
    directions = rng.normal(size=(_CALIBRATION, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return positions, directions.astype(np.float32)


def _size(text: str) -> tuple[int, int]:
    parts = text.split("x")
    sides = [int(p) for p in parts if p.isascii() and p.isdigit() and len(p) < 6]
    if len(parts) != 2 or len(sides) != 2 or not all(8 <= s <= _MAX_SIDE for s in sides):
        raise ConfigError(f"--size must be WxH with sides from 8 to {_MAX_SIDE}, not {text!r}")
    return sides[0], sides[1]
