"""Sweeps: many design points, one crash-safe store, byte-identical results.

``Space`` says which points, ``run_sweep`` evaluates those that the store lacks, commits each as
it arrives and writes the results. Heavy imports (NumPy, PyArrow) happen only on export, so that
workers stay small.
"""

from archsim.sweep.run import SweepInterrupted, SweepProgress, SweepSummary, run_sweep
from archsim.sweep.space import ABSENT, Space
from archsim.sweep.store import Store, read_detail

__all__ = [
    "ABSENT",
    "Space",
    "Store",
    "SweepInterrupted",
    "SweepProgress",
    "SweepSummary",
    "read_detail",
    "run_sweep",
]
