from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from archsim.models.gpu.sm.cases import KernelFileError, ResultError, check, load_cases

SOURCE = """
import numpy as np
from numba import cuda

@cuda.jit
def double(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= 2

def right(args):
    np.testing.assert_array_equal(args[0], 2 * np.arange(50, dtype=np.float32))

def wrong(args):
    assert args[0][3] == 7, "three must be seven"

def cases(rng):
    yield "plain", double, 2, 32, (rng.normal(size=50).astype(np.float32),)
    yield "good", double, 2, 32, (np.arange(50, dtype=np.float32),), {"expect": right}
    yield "bad", double, 2, 32, (np.arange(50, dtype=np.float32),), {"expect": wrong}
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "some_kernels.py"
    path.write_text(SOURCE)
    return path


def test_cases_run_and_are_compared(module):
    plain, good, bad = load_cases(str(module))
    before = plain.args[0].copy()
    assert check(plain).ctas == [(0, 0, 0), (1, 0, 0)]
    np.testing.assert_array_equal(plain.args[0], 2 * before)
    check(good)
    with pytest.raises(ResultError, match="bad must give the expected outputs: three must be"):
        check(bad)


def test_a_case_is_chosen_by_name(module):
    assert [case.name for case in load_cases(f"{module}::good")] == ["good"]
    with pytest.raises(KernelFileError, match="one of bad, good, plain, not 'other'"):
        load_cases(f"{module}::other")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("x = 1", "must have a function cases"),
        ("import nothing_like_this", "must import, but ModuleNotFoundError"),
        ("def cases(rng):\n    yield 3", "tuples of 5 or 6 items, not 3"),
        ("def cases(rng):\n    yield 'a', 0, 1, 1, (), {'speed': 1}", r"not \['speed'\]"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, source, sentence):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(KernelFileError, match=sentence):
        load_cases(str(path))
    with pytest.raises(KernelFileError, match="must be a file"):
        load_cases(str(tmp_path / "absent.py"))
