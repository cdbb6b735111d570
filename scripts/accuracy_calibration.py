"""What ``archsim calibrate`` finds on the shipped data, for docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from archsim.app.observations import from_dataset, from_published
from archsim.calibrate import Problem, candidates, fit, screen
from archsim.config import load_device
from archsim.config.paths import configs_dir
from archsim.validate import load_dataset
from workloads import measured

MOVED = {
    "memory.read_fraction": 0.7, "launch.kernel_us": 2.0,
    "tensor_kernels.gemm.wgmma_fraction": 0.75, "l2.atomics_per_clk": 1.5,
}  # fmt: skip
PUBLISHED = {
    "a100_pcie": ("memory.read_fraction",), "rtx_4090": ("memory.read_fraction",),
    "h800_pcie": ("memory.read_fraction", "tensor_kernels.gemm.wgmma_fraction"),
    "h100_sxm": ("memory.read_fraction",),
}  # fmt: skip


def rows() -> Iterator[list[str]]:
    """Rows of data, device, constant, start, fitted, ±%, what it is shipped as, errors."""
    base = load_device("h200")
    changes = [f"device.{p}={float(attrgetter(p)(base)) * f}" for p, f in MOVED.items()]
    problem = Problem(
        load_device("h200", changes), from_dataset(load_dataset(measured.path("h200_kernels")))
    )
    paths, _ = screen(problem, candidates(base), 12)
    result = fit(problem, tuple(dict.fromkeys([*MOVED, *paths])))
    _, before, after = result.check_errors["overall"]
    for c in result.constants:
        if c.path in MOVED:
            shipped = float(attrgetter(c.path)(base))
            yield ["h200_kernels", "h200", c.path, f"{c.begin:.4g}", f"{c.value:.4g}",
                   f"{100 * c.uncertainty:.0f}", f"{shipped:.4g}",
                   f"check half {before:.1f} to {after:.1f}"]  # fmt: skip
    for name, constants in PUBLISHED.items():
        yield from _published(name, constants)


def _published(name: str, constants: tuple[str, ...]) -> Iterator[list[str]]:
    device = load_device(name)
    figures = from_published(configs_dir() / "published" / "hopper.yaml", name)
    result = fit(Problem(device, figures), constants)
    _, before, after = result.fit_errors["overall"]
    for c in result.constants:
        shipped = float(attrgetter(c.path)(device))
        yield [f"{len(figures)} published", name, c.path, f"{c.begin:.4g}", f"{c.value:.4g}",
               f"{100 * c.uncertainty:.0f}", f"{shipped:.4g}",
               f"{before:.1f} to {after:.1f}"]  # fmt: skip
