"""Grid tables and perceptrons of the neural-graphics applications."""

import pytest

from archsim.config.ngpc_applications import APPLICATIONS
from archsim.config.ngpc_grid import GridParams
from workloads.models import build

NERF, NSDF, GIA = (APPLICATIONS[name] for name in ("nerf", "nsdf", "gia"))


def resolutions(grid):
    """Resolutions of the levels that do not hash."""
    return [level.resolution for level in grid.tables if not level.hashed]


def test_level_tables():
    # tiny-cuda-nn's rule, worked by hand for the NGPC paper's Table I
    assert resolutions(NERF.grid("hashgrid")) == [16, 25, 37, 56]
    assert resolutions(NSDF.grid("hashgrid")) == [16, 23, 31, 43, 59]
    assert resolutions(NSDF.grid("densegrid")) == [16, 23, 32, 45, 63, 88, 124, 173]
    assert resolutions(NSDF.grid("lowres")) == [128, 128]
    assert resolutions(GIA.grid("hashgrid"))[-1] == 512


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
    entries = [t.entries for t in GridParams(growth=1.51572, log2_entries=14).tables]
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
