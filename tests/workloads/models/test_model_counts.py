"""Parameters and multiply-accumulates of every builder against published and counted figures.

MACs include the attention products, as PyTorch's operator counter counts them (timm's tables
leave them out for some models: ViT-B/16 is 16.87 G there and 17.56 G here and in torchvision).
"""

import pytest

from workloads.models import build, choices, names

# Parameters: timm 1.0.31 and torchvision 0.29.2 model tables, checked by building the models.
# MACs: half of what torch.utils.flop_counter of torch 2.15 counts for one 224 x 224 image.
VISION = {
    "vit_base_patch16_224": (86_567_656, 17_563_828_224),
    "vit_base_patch32_224": (88_224_232, 4_409_186_304),
    "vit_large_patch16_224": (304_326_632, 61_554_712_576),
    "deit_small_patch16_224": (22_050_664, 4_598_882_304),
    "swin_tiny_patch4_window7_224": (28_288_354, 4_490_566_656),
    "swin_small_patch4_window7_224": (49_606_258, 8_740_875_264),
    "convnext_tiny": (28_589_128, 4_455_531_264),
    "convnext_base": (88_591_464, 15_354_729_472),
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "mobilenet_v2": (3_504_872, 300_774_272),
    "mobilenetv2_100": (3_504_872, 300_774_272),
}

# Published: torchvision's weights tables (params, GFLOPS), the ConvNeXt, Swin and DeiT papers.
PUBLISHED_GMACS = {
    "vit_base_patch16_224": 17.56,
    "resnet18": 1.81,
    "resnet34": 3.66,
    "resnet50": 4.09,
    "resnet101": 7.80,
    "resnet152": 11.51,
    "mobilenet_v2": 0.30,
    "convnext_tiny": 4.46,
    "convnext_small": 8.68,
    "convnext_base": 15.36,
    "swin_tiny_patch4_window7_224": 4.49,
    "deit_tiny_patch16_224": 1.25,
}

PARAMETERS = {
    "deit_tiny_patch16_224": 5_717_416,  # timm
    "vit_tiny_patch16_224": 5_717_416,  # timm
    "vit_small_patch16_224": 22_050_664,  # timm
    "vit_base_patch16_384": 86_859_496,  # timm
    "vit_huge_patch14_224": 632_045_800,  # timm and torchvision's vit_h_14
    "resnet34": 21_797_672,  # torchvision
    "resnet152": 60_192_808,  # torchvision
    "convnext_small": 50_223_688,  # torchvision
    "swin_base_patch4_window7_224": 87_768_224,  # torchvision's swin_b
    "gpt2": 124_439_808,  # Hugging Face gpt2
    "gpt2_medium": 354_823_168,  # Hugging Face gpt2-medium
    "gpt2_large": 774_030_080,  # Hugging Face gpt2-large
    "gpt2_xl": 1_557_611_200,  # Hugging Face gpt2-xl
    "llama2_7b": 6_738_415_616,  # Hugging Face Llama-2-7b
    "llama2_13b": 13_015_864_320,  # Hugging Face Llama-2-13b
    "llama2_70b": 68_976_648_192,  # Hugging Face Llama-2-70b
    "llama3_8b": 8_030_261_248,  # Hugging Face Meta-Llama-3-8B
    "llama3_70b": 70_553_706_496,  # Hugging Face Meta-Llama-3-70B
    "llama3_2_1b": 1_235_814_400,  # Hugging Face Llama-3.2-1B, tied embeddings
    "llama3_2_3b": 3_212_749_824,  # Hugging Face Llama-3.2-3B, tied embeddings
    "m3vit": 17_965_248,  # Edge-MoE's include/model.hpp, one task, with the class token
}


def dense_macs(graph):
    """MACs with masked products counted, as PyTorch's counter does."""
    full = 0
    for op in graph:
        s = op.spec
        full += 2 * s.b * s.h * s.sq * s.skv * s.d if s.kind == "attention" else s.macs
    return full


@pytest.mark.parametrize("name", VISION)
@pytest.mark.parametrize("framework", ["fused", "eager"])
def test_vision_models_match_pytorch_exactly(name, framework):
    graph = build(name, framework=framework)
    assert (graph.parameters, graph.macs) == VISION[name]


@pytest.mark.parametrize("name", PUBLISHED_GMACS)
def test_published_macs(name):
    assert build(name).macs / 1e9 == pytest.approx(PUBLISHED_GMACS[name], abs=0.006)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    assert build(name).parameters == PARAMETERS[name]


def test_gpt3_sizes():
    # Brown et al. 2020, Table 2.1: 6.7 B, 13.0 B and 175.0 B
    sizes = [build(f"gpt3_{n}").parameters / 1e9 for n in ("6_7b", "13b", "175b")]
    assert sizes == pytest.approx([6.7, 13.0, 175.0], rel=0.015)


def test_language_macs_match_pytorch_exactly():
    # torch.utils.flop_counter of torch 2.15 on transformers 5.23, 64 tokens
    assert dense_macs(build("gpt2", seq=64)) == 7_981_547_520
    small = {"hidden": 256, "intermediate": 512, "heads": 8, "kv_heads": 2, "layers": 2}
    for framework in ("fused", "eager"):
        graph = build("llama2_7b", framework=framework, seq=64, **small)
        assert graph.parameters == 17_499_392
        extra = 64 * 16 * (framework == "eager")  # the outer product of the rotary angles
        assert dense_macs(graph) - extra == 599_785_472


def test_m3vit_macs():
    # Edge-MoE's sizes: 228.3 + 76.7 + 228.3 + 228.3 + 2.4 + 18.9 M, 782.7 M in all
    linear = 129 * 192 * 192 * 4 * 12
    pairs = 2 * 129 * 129 * 192 * 12
    dense = experts = 129 * 2 * 192 * 768 * 6
    gates, patches = 129 * 192 * 16 * 6, 128 * 192 * 768
    graph = build("m3vit")
    assert graph.macs == linear + pairs + dense + experts + gates + patches == 782_719_488


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2"])
def test_folding_batchnorm_keeps_parameters_and_macs(name):
    folded, apart = build(name), build(name, fold_batchnorm=False)
    assert folded.parameters == apart.parameters
    assert folded.macs == apart.macs
    convolutions = sum(op.spec.kind == "conv2d" for op in folded)
    assert len(apart.ops) == len(folded.ops) + convolutions


def test_eager_resnet_launches_what_was_measured():
    # h200_models.json, resnet50: 53 transforms, 53 copies, 53 batch-norm vectors, 49 relu, 16 add
    graph = build("resnet50", framework="eager", fold_batchnorm=False)
    functions = [op.spec.function for op in graph if op.spec.kind == "elementwise"]
    counts = {f: functions.count(f) for f in ("scale_shift", "cast", "rsqrt", "relu", "add")}
    assert counts == {"scale_shift": 53, "cast": 53, "rsqrt": 53, "relu": 49, "add": 16}


def test_eager_vit_launches_what_was_measured():
    # h200_models.json, vit_base_patch16_224: 25 LayerNorm, 12 GELU, 12 attention, 1 concatenation
    graph = build("vit_base_patch16_224", framework="eager")
    kinds = [getattr(op.spec, "function", op.spec.kind) for op in graph]
    counts = {k: kinds.count(k) for k in ("layernorm", "gelu", "attention", "copy", "gemm")}
    assert counts == {"layernorm": 25, "gelu": 12, "attention": 12, "copy": 1, "gemm": 49}
    assert kinds.count("add") == 24 + 1 + 1  # residuals, positions, the patch embedding's bias


def test_eager_llama_launches_what_was_measured():
    # h200_models.json, llama2_7b_2layers: 14 GEMMs, 5 pow, 5 mean, 5 rsqrt, 5 cat, 2 silu
    graph = build("llama2_7b", layers=2, seq=512, dtype="bf16", head="none", framework="eager")
    layers = [op for op in graph if "layers." in op.name or op.name.startswith("norm.")]
    kinds = [getattr(op.spec, "function", op.spec.kind) for op in layers]
    counts = {k: kinds.count(k) for k in ("gemm", "pow", "mean", "rsqrt", "copy", "silu", "neg")}
    assert counts == {
        "gemm": 14, "pow": 5, "mean": 5, "rsqrt": 5, "copy": 4, "silu": 2, "neg": 4,
    }  # fmt: skip
    assert kinds.count("attention") == 2
    assert len(layers) == 2 * 38 + 8


# Kernels that PyTorch 2.11 launched on an H200 in eager fp16 for one image, without memsets and
# without the layout conversions of cuDNN: the sequences of h200_models_full.json.
LAUNCHED = {
    "vit_base_patch16_224": 126,
    "vit_large_patch16_224": 246,
    "deit_tiny_patch16_224": 126,
    "swin_tiny_patch4_window7_224": 310,
    "convnext_tiny": 159,
    "resnet18": 108,
    "resnet50": 280,
    "mobilenetv2_100": 255,
}


@pytest.mark.parametrize("name", LAUNCHED)
def test_eager_launches_as_many_kernels_as_were_measured(name):
    apart = {"fold_batchnorm": False} if "fold_batchnorm" in choices(name) else {}
    assert len(build(name, framework="eager", **apart).ops) == LAUNCHED[name]


@pytest.mark.parametrize(
    ("model", "vocab", "parameters"),
    [
        ("llama2_7b", 32000, 535_842_816),
        ("llama3_8b", 32000, 567_300_096),
        ("llama3_2_1b", 32000, 187_181_056),
        ("llama2_13b", 32000, 798_254_080),
    ],
)
def test_two_layers_as_measured(model, vocab, parameters):
    # h200_models_full.json: two layers and the embedding, all with a vocabulary of 32000
    graph = build(model, layers=2, head="none", vocab=vocab, framework="eager")
    assert graph.parameters == parameters


@pytest.mark.parametrize("name", names())
def test_cost_scales_with_the_batch(name):
    key = next(k for k in ("batch", "samples", "pixels") if k in choices(name))
    unit = 100 if key == "pixels" else 1  # frames count samples by the hundred pixels
    one, three = (build(name, **{key: n * unit}) for n in (1, 3))
    assert three.macs == 3 * one.macs
    assert three.parameters == one.parameters
    assert one.bytes < three.bytes <= 3 * one.bytes
    assert one.digest != three.digest


@pytest.mark.parametrize("name", names())
def test_operators_and_tensors_agree_on_traffic(name):
    """Each operator writes its outputs; what reads less reads a slice, a table or folded norms."""
    for framework in ("fused", "eager") if "framework" in choices(name) else (None,):
        graph = build(name, **({"framework": framework} if framework else {}))
        tensors = {t.name: t for t in graph.tensors}
        for op in graph:
            spec = op.spec
            read = sum(tensors[i].bytes for i in op.inputs)
            written = sum(tensors[o].bytes for o in op.outputs)
            if spec.kind != "moe_routing":  # weights and indices lie in one tensor of the graph
                assert written == spec.bytes_written, op
            if spec.kind in ("layernorm", "rmsnorm", "softmax", "reduce", "pool2d"):
                assert read == spec.bytes_read, op
            if spec.kind in ("gemm", "conv2d", "attention"):
                assert read >= spec.bytes_read, op
