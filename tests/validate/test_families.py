"""Kernel lists by family: names of both sides fall into the same one."""

import pytest

from archsim.validate import load_dataset, validate_models
from archsim.validate.families import by_family, family
from workloads import measured

PAIRS = """
matrix product | nvjet_sm90_hsh_64x72_64x12_4x1_v_bz_TNT | nvjet_sm90_hsh_64x8_bias_TNN
split-K sum | cublasLt::splitKreduce_kernel | void cublasLt::splitKreduce_kernel<32, 16>
convolution | cutlass_80_tensorop_fprop_implicit_gemm | sm90_xmma_fprop_implicit_gemm_f16
convolution | conv2d_c1_k1_nhwc_specialized | conv2d_c1_k1_nhwc
layer norm | vectorized_layer_norm_kernel | at::vectorized_layer_norm_kernel<c10::Half>
attention | cudnn_generated_fort_native_sdpa_sm90 | pytorch_flash::flash_fwd_kernel
softmax | softmax_warp_forward<8> | void softmax_warp_forward<c10::Half>
memset | Memset (Device) | Memset (Device)
copy | unrolled_elementwise_kernel<cast> | unrolled_elementwise_kernel<direct_copy_kernel
elementwise | vectorized_elementwise_kernel<add> | vectorized_elementwise_kernel<4, CUDAFunctor
batch norm | batch_norm_transform<scale_shift> | batch_norm_transform_input_channels_last
elementwise | vectorized_elementwise_kernel<rsqrt> | vectorized_elementwise_kernel<batch_norm_calc
"""


@pytest.mark.parametrize("line", PAIRS.strip().splitlines())
def test_a_kernel_has_one_family_on_both_sides(line):
    name, ours, recorded = line.split(" | ")
    assert family(ours) == family(recorded) == name


def test_unknown_names_are_other_and_counts_add_up():
    found = by_family([("mystery", 2, 1.0), ("nvjet_a", 3, 5.0), ("nvjet_b", 1, 2.0)])
    assert found == {"matrix product": (4, 7.0), "other": (2, 1.0)}


def test_a_recorded_sequence_is_complete_and_sums_to_the_measured_time():
    data = load_dataset(measured.path("h200_models_full"))
    result = validate_models(data, lambda case: (1.0, 1.0, [("nvjet_a", 1, 1.0)]))
    for case in result.cases:
        recorded = [(n, us) for _, _, n, us in case.families.values()]
        assert sum(n for n, _ in recorded) == case.measured_launches
        assert sum(us for _, us in recorded) == pytest.approx(case.measured_us, rel=0.05)
    assert "other" not in result.families


def test_a_list_of_the_heaviest_kernels_is_not_compared():
    data = load_dataset(measured.path("h200_models"))
    result = validate_models(data, lambda case: (1.0, 1.0, [("nvjet_a", 1, 1.0)]))
    assert result.families == {}
    assert result.cases[0].families == {"matrix product": (1, 1.0, None, None)}
