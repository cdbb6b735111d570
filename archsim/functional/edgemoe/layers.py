"""Linear layers, patch embedding and layer norm in the accelerator's number formats."""

from __future__ import annotations

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.formats import FixedFormat
from archsim.functional.arrays import Ints, checked
from archsim.functional.edgemoe.fixed import narrow, product
from archsim.functional.reciprocal import Rsqrt
from archsim.numeric.edgemoe import MEAN_BITS, VARIANCE_BITS, epsilon, mean_factor, rsqrt_params
from archsim.numeric.rounding import wrap

_SPLIT = 20
"""Where the sum of squares is split so that products stay below 63 bits."""


def add(a: Ints, b: Ints) -> Ints:
    """Return ``a + b``, wrapped."""
    return np.asarray(wrap(a + b, 32))


class Linear:
    """``x @ weight.T + bias``: the exact sum is truncated once and wraps.

    The published HLS code truncates partial sums instead; where is not stated.
    """

    def __init__(self, params: EdgeMoeParams, weight: FixedFormat, bias: FixedFormat) -> None:
        self.params = params
        self.weight = weight
        self.bias = bias

    def __call__(self, x: Ints, weight: Ints, bias: Ints | None = None) -> Ints:
        """Return ``[n, out]`` of ``x[n, in]``, ``weight[out, in]`` and ``bias[out]``."""
        form = self.params.formats.activation
        x = checked("x", x, form.bits, signed=True)
        weight = checked("weight", weight, self.weight.bits, signed=True)
        if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
            raise ValueError(
                f"shapes must be [n, in] and [out, in], not {x.shape} and {weight.shape}"
            )
        result = narrow(product(x, weight.T), self.weight.fraction_bits)
        if bias is None:
            return result
        bias = checked("bias", bias, self.bias.bits, signed=True)
        return add(result, bias << (form.fraction_bits - self.bias.fraction_bits))


class PatchEmbedding:
    """Tokens of an image: patches times weights behind the class token, plus positions."""

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params

    def patches(self, pixels: Ints) -> Ints:
        """Return ``[patches, channels * patch * patch]`` of ``pixels`` ``[channels, h, w]``."""
        p = self.params
        if pixels.shape != (p.channels, p.image_height, p.image_width):
            raise ValueError(f"pixels must be [channels, height, width], not {pixels.shape}")
        grid = pixels.reshape(
            p.channels, p.image_height // p.patch, p.patch, p.image_width // p.patch, p.patch
        )
        return np.asarray(grid.transpose(1, 3, 0, 2, 4).reshape(p.patches, p.patch_pixels))

    def __call__(
        self, pixels: Ints, weight: Ints, bias: Ints, class_token: Ints, position: Ints
    ) -> Ints:
        """Return ``[tokens, dim]``; ``weight`` is ``[dim, patch_pixels]``."""
        formats = self.params.formats
        form, scale = formats.activation, formats.patch_weight
        pixels = checked("pixels", pixels, formats.pixel.bits, signed=False)
        weight = checked("weight", weight, scale.bits, signed=True)
        total = product(self.patches(pixels), weight.T)
        total = total << max(0, form.fraction_bits - self._fraction)
        embedded = narrow(total, max(0, self._fraction - form.fraction_bits))
        embedded = add(embedded, bias << (form.fraction_bits - formats.bias.fraction_bits))
        return add(np.concatenate([class_token[None, :], embedded]), position)

    @property
    def _fraction(self) -> int:
        formats = self.params.formats
        return formats.pixel.fraction_bits + formats.patch_weight.fraction_bits


class LayerNorm:
    """``(x - mean) / sqrt(E[x**2] - mean**2 + 1e-6) * scale + offset`` in one pass over a token.

    Mean and mean of squares are sums times a constant ``1 / dim`` of ``MEAN_BITS`` fraction
    bits. Squares are truncated to the activation's fraction bits and added without wrapping; the
    variance is at least epsilon and saturates at ``VARIANCE_BITS``.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self._factor = mean_factor(params)
        self._epsilon = epsilon(params)
        self._rsqrt = Rsqrt(rsqrt_params(params))

    def statistics(self, x: Ints) -> tuple[Ints, Ints]:
        """Return mean and variance (with epsilon) of ``x`` ``[n, dim]``, in its format."""
        fraction = self.params.formats.activation.fraction_bits
        total = x.sum(axis=-1)
        squares = ((x * x) >> fraction).sum(axis=-1)
        mean = (total * self._factor) >> MEAN_BITS
        high, low = squares >> _SPLIT, squares & ((1 << _SPLIT) - 1)
        mean_square = (high * self._factor + (low * self._factor >> _SPLIT)) >> (MEAN_BITS - _SPLIT)
        variance = np.maximum(mean_square - ((mean * mean) >> fraction), 0) + self._epsilon
        return mean, np.minimum(variance, (1 << VARIANCE_BITS) - 1)

    def __call__(self, x: Ints, scale: Ints, offset: Ints) -> Ints:
        """Return ``[n, dim]`` of ``x`` ``[n, dim]`` and ``scale`` and ``offset`` ``[dim]``."""
        formats = self.params.formats
        fraction, norm = formats.activation.fraction_bits, formats.norm
        x = checked("x", x, formats.activation.bits, signed=True)
        if x.ndim != 2 or x.shape[1] != self.params.dim:
            raise ValueError(f"x must be [n, {self.params.dim}], not {x.shape}")
        scale = checked("scale", scale, norm.bits, signed=True)
        offset = checked("offset", offset, norm.bits, signed=True)
        mean, variance = self.statistics(x)
        inverse = self._rsqrt(variance)
        normal = ((x - mean[:, None]) * inverse[:, None]) >> fraction
        scaled = narrow(normal * scale, norm.fraction_bits)
        return add(scaled, offset << (fraction - norm.fraction_bits))
