"""Atomics in shared memory: turns at the banks, and sums that try again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archsim.app.microbench import predict
from archsim.app.sm_device import sm_device
from archsim.models.gpu.sm import timing_launch, timing_shared
from archsim.models.gpu.sm import timing_table as tt

ALL, ROW = 0xFFFFFFFF, np.arange(32)
DEVICE = sm_device("h200")
K = timing_launch.constants(DEVICE, 1.0, 1.0)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled functions as Python ones."""
    for name in ("_crowded_bank", "_fullest_bank", "_paired", "shared_atomic", "shared_passes"):
        monkeypatch.setattr(timing_shared, name, getattr(timing_shared, name).py_func)


def _shared(row: Any, flags: int = 0, size: int = 4) -> tuple[float, float, float]:
    scratch = np.zeros((4, 160), np.int64)
    found: Any = timing_shared.shared_atomic(K, row, ALL, size, flags, scratch)
    return found


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("row", "passes"),
    [(4 * ROW, 1), (4 * (ROW // 4), 4), (16 * ROW, 4), (0 * ROW, 32), (128 * ROW, 32)],
)
def test_lanes_that_want_one_bank_of_shared_memory_take_turns(row: Any, passes: int) -> None:
    busy, wait, back = _shared(row)
    assert (busy, back) == (passes, 2 * passes)
    assert _shared(row, tt.FLAG_SILENT)[2] == 0.0  # nothing comes back
    swap, later, _ = _shared(row, tt.FLAG_CAS)
    assert swap == 2 * passes and later - wait == pytest.approx(2 * passes + 2)
    assert _shared(row, tt.FLAG_SPIN)[0] == 2.0  # who finds its bank taken fails
    assert _shared(row, tt.FLAG_COUNT)[0] == (32 if row[1] == 128 else 4 if row[1] == 16 else 1)


def _clocks(what: str, **more: int) -> float:
    record = {"bench": "atomic_rate", "what": what, "rounds": 2, **more}
    return 32 / float(predict(record, DEVICE)["predicted"])


def test_sums_of_floats_in_shared_memory_try_again_until_their_bank_is_free() -> None:
    once = _clocks("shared_add_f32")
    for more in ({"stride": 8}, {"group": 8}):
        assert _clocks("shared_add_f32", **more) == pytest.approx(8 * once, rel=0.15)
    wide = _clocks("shared_sum_f64")  # the halves of a warp take turns, each with its own banks
    assert _clocks("shared_sum_f64", stride=2) == pytest.approx(2 * wide, rel=0.1)
