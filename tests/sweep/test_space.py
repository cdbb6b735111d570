import json
import math
import pickle
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.sweep import ABSENT, Space

values = st.lists(st.integers(0, 5) | st.sampled_from(["a", "b", 1.5, None, True]), min_size=1)
axes = st.dictionaries(st.sampled_from(["a.b", "c", "d.e.f", "g"]), values, max_size=4)


def text(value):
    return json.dumps(value, sort_keys=True)


@given(axes)
def test_grid_is_every_distinct_combination_in_order(axes):
    space = Space("grid", axes)
    distinct = [[json.loads(t) for t in dict.fromkeys(map(text, v))] for v in axes.values()]
    expected = [dict(zip(axes, row, strict=True)) for row in product(*distinct)]
    assert list(map(text, space)) == list(map(text, expected))
    assert len(space) == math.prod(map(len, distinct))


def test_grid_is_lazy_and_exact_beyond_memory():
    space = Space("grid", {f"x{i}": list(range(1000)) for i in range(20)})
    assert space.size == 10**60
    assert space[10**60 - 1] == {f"x{i}": 999 for i in range(20)}
    assert space[1001]["x19"] == 1 and space[1001]["x18"] == 1
    with pytest.raises(OverflowError):
        len(space)


def test_zip_takes_values_together_and_drops_equal_points():
    space = Space("zip", {"a": [1, 2, 1], "b": ["x", "y", "x"]})
    assert list(space) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert len(space) == 2


def test_list_points_may_name_different_paths():
    points = [{"a": 1}, {"b": 2}, {"a": 1, "b": 2}, {"a": 1}]
    space = Space.of_points(points)
    assert list(space) == points[:3]
    assert space.columns == ((1, ABSENT, 1), (ABSENT, 2, 2))


def test_values_that_python_calls_equal_stay_distinct():
    assert len(Space("grid", {"a": [1, 1.0, True]})) == 3


def test_no_axes_is_the_one_point_of_the_file():
    for mode in ("grid", "zip", "list"):
        assert list(Space(mode, {})) == [{}]


def test_space_travels_to_workers():
    space = pickle.loads(pickle.dumps(Space.of_points([{"a": 1}, {"b": 2}])))
    assert list(space) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("mode", "axes", "error", "sentence"),
    [
        ("gird", {"a": [1]}, ValueError, "sweep.mode must be one of grid, zip, list, not 'gird'"),
        ("grid", {"a": []}, ValueError, r"sweep.a must have at least one value, not \[\]"),
        ("grid", {"a": "abc"}, TypeError, "sweep.a must be a list of values, not 'abc'"),
        ("grid", {"a": 3}, TypeError, "sweep.a must be a list of values, not 3"),
        ("grid", {"a": [math.nan]}, ValueError, "sweep.a must have finite values, not nan"),
        ("grid", {"a": [{1j}]}, TypeError, r"sweep.a must have plain values, not \{1j\}"),
        ("grid", {"a": [ABSENT]}, TypeError, "sweep.a must have plain values"),
        ("zip", {"a": [1, 2], "b": [1]}, ValueError, "sweep.b must have 2 values, as a has, not 1"),
    ],
)
def test_bad_spaces_are_refused(mode, axes, error, sentence):
    with pytest.raises(error, match=sentence):
        Space(mode, axes)


def test_index_outside_is_refused():
    with pytest.raises(IndexError, match=r"index must be in \[0, 2\), not 2"):
        Space("grid", {"a": [1, 2]})[2]
    with pytest.raises(ValueError, match="sweep must have at least one point"):
        Space.of_points([])
