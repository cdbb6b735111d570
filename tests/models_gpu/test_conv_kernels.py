"""cuDNN's convolution kernels: names, grids and clusters, the learnt choice, the laws."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.config import load_device
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_choice, conv_kernels, conv_labels
from archsim.mapping.gpu.conv_kernels import ConvKernel, from_label
from archsim.models.gpu.conv_lower import lower_conv
from archsim.models.gpu.fprop_lower import Work, fprop_launches, launched
from archsim.models.gpu.recorded import price_recorded
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import variants

XMMA_NAME = (
    "sm90_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_"
    "warpgroupsize1x1x1_g1_execute_segment_k_off_kernel__5x_cudnn"
)


def conv(**fields):
    base = {"n": 8, "cin": 64, "cout": 64, "h": 56, "w": 56, "r": 3, "s": 3, "padding": 1}
    return Conv2d(**(base | fields))


@pytest.fixture(scope="module")
def table():
    return variants(load_device("h200"))


def microseconds(table, plans):
    out = solve(table.rows[:1], table.relevant[:1], plans, [0.0] * len(plans))
    return float(out[0, :, :6].sum())


@pytest.mark.parametrize(
    "text", ["xmma 128x128x64 8x1", "xmma 64x64x64 1x5 seg", "indexed 64x32x64 z6",
             "xmma 128x64x64 7x1 g8", "cut 64x64x64", "indexed 128x128x16 nchw", "ffma 32x32x8"],
)  # fmt: skip
def test_labels_are_read_as_they_are_written(text):
    assert from_label(text).label() == text


@pytest.mark.parametrize(
    ("name", "grid", "label"),
    [
        (XMMA_NAME, [15, 8, 1], "xmma 128x128x64 8x1"),
        ("cutlass_tensorop_f16_s16816fprop_optimized_f16_64x64_32x10_nhwc_align8", [25, 1, 1],
         "cut 64x64x32"),
        ("sm80_xmma_fprop_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize64x32x64_"
         "stage5_warpsize2x2x1_g1_tensor16x8x16", [1, 4, 6], "indexed 64x32x64 z6"),
        ("sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize"
         "128x128x16_stage4_warpsize2x2x1_g1_tensor16x8x8", [8, 64, 1], "indexed 128x128x16 nchw"),
        ("sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nchwkcrs_nchw_tilesize32x32x8_stage3_"
         "warpsize1x2x1_g1_ffma_aligna4", [7, 112, 1], "ffma 32x32x8"),
        ("nvjet_sm90_hsh_64x8_64x16_1x4_h_bz_TNT", [4, 25, 1], None),
    ],
)  # fmt: skip
def test_recorded_names_give_family_and_tile(name, grid, label):
    kernel = conv_kernels.parse_name(name, grid)
    assert (kernel and kernel.label()) == label


def test_clusters_follow_from_grids():
    # 8 x 28 x 28 pixels, 256 filters: 49 x 2 tiles of 128 x 128
    assert conv_kernels.consistent((128, 128, 64), 6272, 256, [100, 1, 1]) == []
    assert (1, 2) in conv_kernels.consistent((128, 128, 64), 6272, 256, [98, 1, 1])
    assert conv_kernels.consistent((128, 128, 64), 6272, 256, [14, 8, 1]) == [(8, 1)]


def test_every_learnt_kernel_is_one_that_exists():
    for name, tree in conv_choice.trees().items():
        tf32 = not name.startswith("half")
        resident = conv_kernels.RESIDENT_FLOATS if tf32 else conv_kernels.RESIDENT
        for label in tree[3]:
            path, _, rest = label.partition(" ")
            text = rest if path in ("slice", "pack", "each", "padded") else label
            if " " not in text:
                assert text in {"product", *conv_labels.OTHERS.values()}
                continue
            kernel = from_label(text)
            if kernel.family == conv_kernels.XMMA:
                assert kernel.cluster in conv_kernels.clusters(kernel.tile, tf32), label
            elif name != "half dense" or kernel.family < conv_kernels.FFMA:
                assert (kernel.family, *kernel.tile) in resident or tf32, label


def launches(name, count=1, grid=(1, 1, 1)):
    return [{"name": name, "grid": list(grid)}] * count


@pytest.mark.parametrize(
    ("fields", "kernels", "label"),
    [
        ({}, launches("Memset (Device)", grid=()) + launches(XMMA_NAME, grid=[15, 8, 1]),
         "xmma 128x128x64 8x1"),
        ({"groups": 4}, launches("cutlass_fprop") + launches(
            "cutlass_tensorop_f16_s16816fprop_optimized_f16_64x64_32x10_nhwc_align8", 4),
         "slice cut 64x64x32"),
        ({"groups": 4}, launches("convolve_common_engine_float_NHWC<float>", 4), "each common"),
        ({"groups": 64}, launches("conv2d_c1_k1_nhwc"), "generic"),
        ({"r": 1, "s": 1, "padding": 0}, launches("nvjet_sm90_hsh_64x8_64x16_1x4_h_bz_TNT"),
         "product"),
        ({}, launches("fft2d_r2c_16x16"), ""),
    ],
)  # fmt: skip
def test_recorded_launches_give_the_label(fields, kernels, label):
    assert conv_labels.recorded_label(conv(**fields), kernels) == label


@pytest.mark.parametrize(
    ("spec", "tile"),
    [
        (conv(n=8, cin=32, cout=224, h=112, w=112, stride=2), "sm90_xmma"),
        (conv(n=32, cin=32, cout=32), "sm80_xmma"),
    ],
)
def test_shipped_choices_are_reproduced(spec, tile, table):
    assert any(tile in plan.name for plan in lower_conv(spec, table.rows[0]))


def test_devices_without_wgmma_take_mma_kernels():
    record = variants(load_device("a100_pcie")).rows[0]
    for spec in (conv(), conv(n=64, cin=256, cout=256, h=14, w=14), conv(groups=4)):
        assert not any("sm90" in plan.name for plan in lower_conv(spec, record))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["xmma 128x128x64 8x1", "xmma 64x64x64 7x1", "cut 64x64x64",
                     "ampere 64x64x64", "direct 128x32x64", "indexed 64x32x64"]),
    st.integers(1, 64), st.sampled_from([64, 128, 256]), st.sampled_from([64, 192]),
)  # fmt: skip
def test_more_channels_are_not_faster_on_the_same_kernel(label, n, cin, cout):
    table = variants(load_device("h200"))
    kernel = from_label(label)

    def us(channels):
        spec = conv(n=n, cin=channels, cout=cout, h=14, w=14)
        return microseconds(table, fprop_launches(Work.of(spec, channels, cout), kernel, 132.0))

    assert us(2 * cin) >= us(cin)


def test_padded_clusters_cost_their_whole_tiles(table):
    spec = conv(n=32, cin=256, cout=64, h=14, w=14)
    work = Work.of(spec, 256, 64)
    narrow, wide = (from_label(f"xmma 128x128x64 {cluster}") for cluster in ("4x1", "4x2"))
    assert launched(work, wide, 132.0)[0] == 2 * launched(work, narrow, 132.0)[0]
    segmented = ConvKernel(conv_kernels.XMMA, (128, 128, 64), (4, 1), segment=True)
    assert launched(work, segmented, 132.0)[1] > 1


def test_recorded_convolutions_are_priced_by_their_own_grid(table):
    spec = conv(n=64, cin=256, cout=256, h=14, w=14)
    entries = [{"name": XMMA_NAME, "grid": grid} for grid in ([15, 8, 1], [132, 1, 1])]
    times = [microseconds(table, price_recorded(spec, [entry])) for entry in entries]
    assert times[0] != times[1]
