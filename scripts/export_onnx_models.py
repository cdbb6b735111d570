"""Export the ONNX files of tests/data/onnx from real libraries, with random weights removed.

    python scripts/export_onnx_models.py tests/data/onnx [NAME ...]

Needs an environment of its own with torch, torchvision, timm, transformers, onnx, onnxscript and
onnxruntime; none of them is a dependency of archsim, apart from onnx.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
import timm
import torch
import torchvision
import transformers

sys.path.insert(0, str(Path(__file__).parent))
from strip_onnx_weights import strip

torch.manual_seed(0)


class Logits(torch.nn.Module):
    """A language model that takes token ids and returns one tensor."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, use_cache=False)[0]


class Segment(torch.nn.Module):
    """A torchvision segmentation model that returns its main output."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model(pixels)["out"]


def image(model: torch.nn.Module, side: int = 224) -> tuple[torch.nn.Module, torch.Tensor, str]:
    return model.eval(), torch.randn(2, 3, side, side), "pixels"


def tokens(model: torch.nn.Module, seq: int = 16) -> tuple[torch.nn.Module, torch.Tensor, str]:
    return Logits(model.eval()), torch.randint(0, 99, (2, seq)), "input_ids"


def gpt2() -> torch.nn.Module:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=2))


def bert() -> torch.nn.Module:
    return transformers.BertModel(transformers.BertConfig(num_hidden_layers=2))


def llama() -> torch.nn.Module:
    config = transformers.LlamaConfig(
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=8,
        num_key_value_heads=2,
        vocab_size=32000,
    )
    return transformers.LlamaForCausalLM(config)


class Recurrent(torch.nn.Module):
    """An LSTM: an operator that archsim does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0]


# The legacy exporter lacks an operator of Hugging Face's masks, and writes a megabyte of shape
# arithmetic for Swin.
DYNAMO_ONLY = {"gpt2_2layers", "llama_2layers", "swin_tiny_2_2_2_2"}

Built = tuple[torch.nn.Module, torch.Tensor, str]
MODELS: dict[str, Callable[[], Built]] = {
    "vit_tiny_2blocks": lambda: image(timm.create_model("vit_tiny_patch16_224", depth=2)),
    "resnet18": lambda: image(timm.create_model("resnet18")),
    "mobilenetv2_100": lambda: image(timm.create_model("mobilenetv2_100")),
    "mobilenetv3_small_100": lambda: image(timm.create_model("mobilenetv3_small_100")),
    "efficientnet_b0": lambda: image(timm.create_model("efficientnet_b0")),
    "convnext_atto": lambda: image(timm.create_model("convnext_atto")),
    "swin_tiny_2_2_2_2": lambda: image(
        timm.create_model("swin_tiny_patch4_window7_224", depths=(2, 2, 2, 2))
    ),
    "lraspp_mobilenet_v3": lambda: image(
        Segment(
            torchvision.models.segmentation.lraspp_mobilenet_v3_large(
                weights=None, weights_backbone=None
            )
        )
    ),
    "gpt2_2layers": lambda: tokens(gpt2()),
    "bert_2layers": lambda: tokens(bert()),
    "llama_2layers": lambda: tokens(llama()),
    "lstm": lambda: (Recurrent().eval(), torch.randn(4, 2, 16), "x"),
}


def build(name: str) -> Built:
    """The model with all values different, so that no exporter merges equal parameters."""
    model, example, label = MODELS[name]()
    with torch.no_grad():
        for values in (*model.parameters(), *model.buffers()):
            if values.is_floating_point() and values.dim():
                values.add_(torch.rand_like(values) * 0.01)
    return model, example, label


def export(name: str, folder: Path, dynamo: bool) -> None:
    """Export one model with a dynamic batch, check it, strip it."""
    model, example, label = build(name)
    target = folder / f"{name}.{'dynamo' if dynamo else 'legacy'}.onnx"
    options: dict[str, object] = {"input_names": [label], "output_names": ["out"]}
    batch_axis = 1 if name == "lstm" else 0
    if dynamo:
        options |= {"dynamic_shapes": ({batch_axis: torch.export.Dim("batch")},), "dynamo": True}
    else:
        axes = {label: {batch_axis: "batch"}, "out": {batch_axis: "batch"}}
        options |= {"dynamic_axes": axes, "dynamo": False, "opset_version": 17}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        torch.onnx.export(model, (example,), str(path), **options)
        onnx.checker.check_model(str(path))
        stripped = strip(onnx.load(path))
    onnx.save(stripped, target)
    print(target.name, target.stat().st_size)


def fused(folder: Path) -> None:
    """BERT with ONNX Runtime's fused operators (Attention, SkipLayerNormalization)."""
    from onnxruntime.transformers.optimizer import optimize_model

    model, example, label = build("bert_2layers")
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "model.onnx")
        torch.onnx.export(
            model, (example,), path, input_names=[label], output_names=["out"],
            dynamic_axes={label: {0: "batch"}}, dynamo=False, opset_version=17,
        )  # fmt: skip
        result = optimize_model(path, model_type="bert", num_heads=12, hidden_size=768)
        target = folder / "bert_2layers.onnxruntime.onnx"
        onnx.save(strip(result.model), target)
    print(target.name, target.stat().st_size)


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    failed = 0
    for name in arguments[1:] or [*MODELS, "fused"]:
        exporters = (True,) if name in DYNAMO_ONLY else (False, True)
        for dynamo in exporters if name != "fused" else (None,):
            try:
                fused(folder) if dynamo is None else export(name, folder, dynamo)
            except Exception as error:
                failed += 1
                print(name, "dynamo" if dynamo else "legacy", type(error).__name__, error)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
