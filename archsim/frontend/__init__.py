"""Front end of the instruction-level SM: kernels as typed streams of machine instructions."""

from archsim.frontend.cubin import Cubin, read_cubin
from archsim.frontend.instruction import Control, Instruction, Kernel, Operand
from archsim.frontend.load import load_cubin, load_numba, load_ptx, load_sass, numba_cubin
from archsim.frontend.toolchain import KernelCompileError, ToolchainMissingError

__all__ = [
    "Control",
    "Cubin",
    "Instruction",
    "Kernel",
    "KernelCompileError",
    "Operand",
    "ToolchainMissingError",
    "load_cubin",
    "load_numba",
    "load_ptx",
    "load_sass",
    "numba_cubin",
    "read_cubin",
]
