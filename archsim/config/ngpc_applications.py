"""The neural-graphics applications of the NGPC paper (Mubarik et al., ISCA 2023), Table I.

NeRF, neural signed distance (``nsdf``), gigapixel image (``gia``) and neural volume rendering
(``nvr``), each with a hash grid, a multi-resolution dense grid or a low-resolution dense one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import SH_TERMS, MlpParams, padded

ENCODINGS = ("hashgrid", "densegrid", "lowres")
DENSITY_FEATURES = 16
"""Outputs of NeRF's density perceptron; the first is the density."""


@dataclass(frozen=True)
class Application:
    """An application: dimensions of a query, outputs, and its hash grid in the paper.

    ``radiance``: a density perceptron of one hidden layer, then a colour perceptron that also
    takes a direction; else one perceptron of two hidden layers.
    """

    dims: int
    outputs: int
    growth: float
    log2_entries: int = 19
    radiance: bool = False
    output_activation: str = "none"

    def grid(self, encoding: str) -> GridParams:
        """Return the grid that ``encoding`` names, by Table I of the paper."""
        return {
            "hashgrid": GridParams(
                dims=self.dims, growth=self.growth, log2_entries=self.log2_entries
            ),
            "densegrid": GridParams(dims=self.dims, levels=8, growth=1.405, kind="dense"),
            "lowres": GridParams(
                dims=self.dims, levels=2, features=8, base=128, growth=1.0, kind="tiled"
            ),
        }[encoding]

    def fitted(self, grid: GridParams) -> GridParams:
        """Return ``grid`` with this application's dimensions."""
        return replace(grid, dims=self.dims)

    def mlps(self, grid: GridParams, width: int = 64) -> tuple[MlpParams, ...]:
        """Return the perceptrons behind ``grid``."""
        if not self.radiance:
            return (
                MlpParams(
                    inputs=grid.outputs, outputs=self.outputs, width=width,
                    output_activation=self.output_activation,
                ),
            )  # fmt: skip
        density = MlpParams(inputs=grid.outputs, outputs=DENSITY_FEATURES, width=width, hidden=1)
        inputs = padded(DENSITY_FEATURES) + SH_TERMS
        return density, MlpParams(inputs=inputs, outputs=self.outputs - 1, width=width)


APPLICATIONS = {
    "nerf": Application(3, 4, 1.51572, radiance=True),
    "nsdf": Application(3, 1, 1.38191),
    "nvr": Application(3, 4, 1.275, output_activation="relu"),
    "gia": Application(2, 3, 1.25992, 24),
}
