import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from archsim.sweep import pareto
from archsim.sweep.pareto import FrontStream, pareto_front


def naive(values):
    front = []
    for i, row in enumerate(values):
        beaten = any((o <= row).all() and (o < row).any() for o in values)
        if not beaten:
            front.append(i)
    return front


shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=5).map(
    lambda shape: (shape[0] * 12, shape[1])
)


@given(arrays(np.float64, shapes, elements=st.integers(-3, 3).map(float)))
def test_front_equals_the_naive_one_with_many_ties(values):
    assert pareto_front(values).tolist() == naive(values)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_front_equals_the_naive_one_across_blocks(objectives, seed, block):
    values = np.random.default_rng(seed).normal(size=(60, objectives))
    before, pareto.BLOCK = pareto.BLOCK, block
    try:
        assert pareto_front(values).tolist() == naive(values)
    finally:
        pareto.BLOCK = before


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_stream_equals_the_front_of_everything(objectives, seed):
    values = np.random.default_rng(seed).integers(0, 12, size=(200, objectives)).astype(float)
    stream = FrontStream(objectives)
    stream._limit = 16
    for row, point in enumerate(values.tolist()):
        stream.add(str(row), tuple(point))
    assert stream.front() == [str(row) for row in pareto_front(values)]


def test_all_points_of_a_simplex_stay():
    x = np.linspace(0, 1, 3000)
    assert len(pareto_front(np.stack([x, 1 - x], axis=1))) == 3000
    cube = np.random.default_rng(1).random((2000, 5))
    cube[:, 4] = -cube[:, :4].sum(axis=1)
    assert len(pareto_front(cube)) == 2000


def test_no_points_have_no_front():
    assert pareto_front(np.empty((0, 2))).tolist() == []
    assert FrontStream(2).front() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="values must be finite, not NaN or infinite"):
        pareto_front(np.array([[1.0, bad], [0.0, 0.0]]))


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 2, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="values must have the shape"):
        pareto_front(np.zeros(shape))
