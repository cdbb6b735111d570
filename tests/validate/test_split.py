"""The halves depend on the shape alone, and both hold every kind of work."""

import json
from collections import Counter

import pytest

from archsim.validate import fold, is_check, load_dataset
from archsim.validate.split import shape
from workloads import measured

CASES = load_dataset(measured.path("h200_kernels")).cases


def test_measurements_and_order_do_not_move_a_case():
    for case in CASES:
        moved = dict(reversed(case.items())) | {"us": 1.0, "us_min": 0.5, "kernels": []}
        assert is_check(moved) is is_check(case)


def test_a_different_shape_may_move_a_case():
    case = dict(next(c for c in CASES if c["op"] == "gemm"))
    assert len({is_check({**case, "m": m}) for m in range(1, 20)}) == 2


def test_every_class_is_in_both_halves_in_similar_numbers():
    sizes = Counter((c["op"], is_check(c)) for c in CASES)
    for op in {c["op"] for c in CASES}:
        fit, check = sizes[op, False], sizes[op, True]
        assert min(fit, check) >= 2, op
        assert abs(fit - check) <= 4, op


def test_the_split_is_the_same_for_ever():
    # Constants were fitted on this half: a changed split would let them judge themselves.
    assert sum(map(is_check, CASES)) == 116
    bits = "".join(str(int(is_check(c))) for c in CASES[:40])
    assert bits == "1010100111100010000000111110101100001010"


def test_folds_cover_all_cases():
    counts = Counter(fold(c, 5) for c in CASES)
    assert set(counts) == set(range(5))
    assert min(counts.values()) > 25
    with pytest.raises(ValueError, match="folds must be at least 1, not 0"):
        fold(CASES[0], 0)


def test_every_shipped_measurement_of_a_shape_is_on_one_side():
    known = {json.dumps(shape(c)): is_check(c) for c in CASES}
    again = load_dataset(measured.path("h200_reference")).cases
    assert len(again) == len(known)
    assert {json.dumps(shape(c)): is_check(c) for c in again} == known


def test_all_algorithms_of_a_gemm_are_on_one_side():
    case = {"op": "gemm", "m": 8, "n": 8, "k": 8, "dtype": "fp16"}
    tried = [
        {**case, "tile": t, "split_k": k, "sm_mhz_warm": 1.0} for t in range(9) for k in (1, 2)
    ]
    assert {is_check(c) for c in tried} == {is_check(case)}


def test_shape_leaves_out_what_was_measured():
    assert shape({"op": "gemm", "m": 1, "us": 2.0, "flops": 3, "kernels": []}) == {
        "m": 1,
        "op": "gemm",
    }
