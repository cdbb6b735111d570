"""Constants of the tensor kernels (cuBLAS, cuDNN, FlashAttention) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class TensorKernels(Group):
    """What the tensor kernels of the vendor's libraries cost beyond the chip's own limits."""

    epilogue_bytes_per_clk: Constant = constant("B/clk", above=0, doc="epilogue stores of one SM")
