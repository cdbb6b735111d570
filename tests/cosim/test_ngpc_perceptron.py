"""The perceptron engine's RTL against what a real GPU computed."""

from __future__ import annotations

import pytest

from cosim.errors import HangError
from cosim.ngpc_perceptron import run_golden
from workloads.kernels.ngpc_golden import MLP_SAMPLES, MLPS


def test_a_recorded_perceptron():
    quiet = run_golden("narrow")
    assert (quiet.wrong, quiet.rtl_cycles) == (0, quiet.model_cycles)
    assert run_golden("narrow", 101, seed=3, idle=40, stall=40).wrong == 0
    assert run_golden("narrow", 64, spoil=True).wrong > 0
    with pytest.raises(HangError, match="gave no result"):
        run_golden("narrow", 2, stall=100)
    with pytest.raises(ValueError, match="at most 512, or all 65536, not 600"):
        run_golden("narrow", 600)


@pytest.mark.slow
@pytest.mark.parametrize("name", MLPS)
def test_all_samples_of_a_recorded_perceptron(name):
    found = run_golden(name, MLP_SAMPLES)
    assert (found.wrong, found.rtl_cycles) == (0, found.model_cycles)
