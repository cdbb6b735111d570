"""Grid tables and perceptrons of the neural-graphics applications."""

import pytest

from workloads.models import build
from workloads.models.neural_graphics import Application, Grid, level_entries

NERF, NSDF, GIA = (
    Application(3, 4, 1.51572, radiance=True),
    Application(3, 1, 1.38191),
    Application(2, 3, 1.25992, 24),
)


def resolutions(grid, dims):
    """Dense resolutions up to the first hashed level, from the entries."""
    found = []
    for entries in level_entries(grid, dims):
        side = round(entries ** (1 / dims))
        if -(-(side**dims) // 8) * 8 != entries or entries == 1 << grid.log2_entries:
            break
        found.append(side)
    return found


def test_level_tables():
    # tiny-cuda-nn's rule, worked by hand for the NGPC paper's Table I
    assert resolutions(NERF.grid("hashgrid"), 3) == [16, 25, 37, 56]
    assert resolutions(NSDF.grid("hashgrid"), 3) == [16, 23, 31, 43, 59]
    assert resolutions(NSDF.grid("densegrid"), 3) == [16, 23, 32, 45, 63, 88, 124, 173]
    assert resolutions(NSDF.grid("lowres"), 3) == [128, 128]
    assert resolutions(GIA.grid("hashgrid"), 2)[-1] == 512


@pytest.mark.parametrize(
    ("name", "encoding", "entries"),
    [
        ("nerf", "hashgrid", 6_537_456),
        ("nsdf", "hashgrid", 6_098_120),
        ("gia", "hashgrid", 709_696),
        ("nsdf", "densegrid", 8_156_024),
        ("nvr", "lowres", 4_194_304),
    ],
)
def test_entries(name, encoding, entries):
    spec = build(name, encoding=encoding).ops[0].spec
    assert spec.table_entries == entries
    assert spec.grid == {"hashgrid": "hash", "densegrid": "dense", "lowres": "tiled"}[encoding]


def test_hashed_levels_are_capped():
    entries = level_entries(Grid(16, 2, 16, 1.51572, "hash", 14), 3)
    assert entries[0] == 4096
    assert set(entries[1:]) <= {15632, 1 << 14}


@pytest.mark.parametrize(("name", "macs"), [("nerf", 10_240), ("nsdf", 7168), ("gia", 7168)])
def test_products_of_one_sample(name, macs):
    # 32-64-16 and 32-64-64-16, and 32-64-64-16, outputs padded to 16
    assert build(name, samples=1).macs == macs


def test_dense_grids_feed_sixteen_features():
    graph = build("nsdf", encoding="densegrid", samples=10)
    assert graph.ops[1].spec.k == 16
    assert graph.ops[0].spec.bytes_written == 10 * 16 * 2


def test_radiance_network_takes_directions():
    graph = build("nerf", samples=10)
    assert [op.name for op in graph] == [
        "encoding", "density.0", "density.1", "harmonics", "cat", "color.0", "color.1", "color.2",
    ]  # fmt: skip
    assert graph.ops[5].spec.k == 32
    assert graph.ops[5].spec.activation == "relu"
