"""Hand-made hostile run files: each is refused with one sentence and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

W = "workload: {model: vit_tiny_patch16_224, batch: 1}\n"
D = "device: h200\n"
OK = W + D
LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + OK
GRID = "sweep: {workload.batch: {start: 1, stop: 200, num: 200}, device.sm_count: "

# name -> (run file, words of the sentence)
RUNS: dict[str, tuple[str | bytes, str]] = {
    # the text itself
    "empty file": ("", "must hold a mapping"),
    "only a comment": ("# nothing\n", "must hold a mapping"),
    "a list": ("- workload\n", "must hold a mapping, not a list"),
    "a word": ("vit", "must hold a mapping, not 'vit'"),
    "binary": (bytes(range(256)), "UTF-8"),
    "utf-16": (OK.encode("utf-16"), "UTF-8"),
    "latin-1": (OK.encode() + b"name: caf\xe9\n", "x.yaml:3:10: the text must be UTF-8"),
    "nul": (OK + "name: a\0b\n", "U+0000"),
    "escape sequence": (OK + "name: \x1b[31m\n", "U+001B"),
    "tab indent": ("workload:\n\tmodel: vit\n", "x.yaml:2:1: the text must be valid YAML"),
    "unclosed": ("workload: {model: vit\n", "valid YAML"),
    "unclosed quote": ("device: 'h200\n", "valid YAML"),
    "deep": ("workload: " + "[" * 3000, "at most 32 deep"),
    "deep blocks": ("".join(" " * i + f"k{i}:\n" for i in range(60)), "at most 32 deep"),
    "3 MiB": (OK + "#" * (3 << 20), "at most 2097152 bytes"),
    "two documents": (OK + "---\n" + OK, "one YAML document"),
    "billion laughs": (LAUGHS, "x.yaml:1:4: the text must not use YAML anchors"),
    "self reference": ("workload: &w {model: *w}\n" + D, "anchors"),
    "python tag": ("workload: !!python/object/apply:os.system ['true']\n" + D, "tags"),
    "python name": ("device: !!python/name:os.system\n" + W, "tags"),
    "custom tag": ("device: !env HOME\n" + W, "tags"),
    "binary tag": ("device: !!binary aDIwMA==\n" + W, "tags"),
    "merge": ("<<: {device: h200}\n" + W, "merge keys"),
    "duplicate key": (OK + "device: h100_sxm\n", "x.yaml:3:1: device must be given once"),
    "duplicate choice": ("workload: {model: a, model: b}\n" + D, "workload.model must be given"),
    "integer key": (OK + "1: 2\n", "a key must be text, not 1"),
    "null key": (OK + "~: 2\n", "a key must be text, not null"),
    "list key": (OK + "? [a]\n: 2\n", "a key must be plain text"),
    # top level
    "no workload": (D, "workload must be given"),
    "no device": (W, "device must be given"),
    "misspelt workload": ("workloda: {model: x}\n" + D, "did you mean 'workload'?"),
    "misspelt device": (W + "devcie: h200\n", "did you mean 'device'?"),
    "misspelt minimize": (OK + "minimise: [latency_us]\n", "did you mean 'minimize'?"),
    "unknown key": (OK + "colour: red\n", "must not have the key 'colour'"),
    "search alone": (OK + "search: {budget: 10}\n", "search must have a sweep over a grid"),
    "search empty": (OK + "search:\n", "search must be a mapping with a budget"),
    "search key": (OK + "search: {budget: 9, sead: 1}\n", "did you mean 'seed'?"),
    "search method": (OK + "search: {budget: 9, method: nsga}\n", "did you mean 'nsga2'?"),
    "search budget": (OK + "search: {budget: 1.5}\n", "whole number from 1 to 1000000, not 1.5"),
    "search seed": (OK + "search: {budget: 9, seed: -1}\n", "x.yaml:3:27: search.seed must be"),
    "execution": (OK + "execution: grpah\n", "did you mean 'graph'?"),
    "execution type": (OK + "execution: [graph]\n", "execution must be 'graph'"),
    "a device file": ("machine: gpu\nname: x\n", "machine"),
    # names and paths
    "name climbs": (OK + "name: ../../evil\n", "x.yaml:3:7: name must be a name"),
    "name absolute": (OK + "name: /tmp/evil\n", "name must be a name"),
    "name dots": (OK + "name: a..b\n", "name must be safe"),
    "name hidden": (OK + "name: .ssh\n", "name must be a name"),
    "name empty": (OK + "name: ''\n", "name must be a name"),
    "name long": (OK + f"name: {'n' * 300}\n", "name must be a name"),
    "name number": (OK + "name: 5\n", "name must be text, not 5"),
    "name newline": (OK + 'name: "a\\nb"\n', "name must be a name"),
    "device passwd": (W + "device: /etc/passwd\n", "device must be a known name"),
    "device climbs": (W + "device: ../../etc/passwd.yaml\n", "must be an existing file"),
    "device folder": (W + "device: /tmp/.yaml\n", "must be an existing file"),
    "device long": (W + f"device: {'d' * 5000}.yaml\n", "must be an existing file"),
    "device nul path": (W + 'device: "a\\0.yaml"\n', "must be an existing file"),
    "onnx passwd": ("workload: {onnx: /etc/passwd}\n" + D, "ending in .onnx"),
    "onnx missing": ("workload: {onnx: none.onnx}\n" + D, "must be an existing file"),
    # device
    "unknown device": (W + "device: b900\n", "must be a known name"),
    "near device": (W + "device: h20\n", "x.yaml:2:9: device must be a known name"),
    "device number": (W + "device: 200\n", "device must be a device's name"),
    "device null": (W + "device:\n", "device must be a device's name"),
    "device list": (W + "device: [h200]\n", "device must be a device's name"),
    "inline without machine": (W + "device: {name: x}\n", "device.machine must be given"),
    "inline machine": (W + "device: {machine: gup}\n", "did you mean 'gpu'?"),
    "inline machine type": (W + "device: {machine: 3}\n", "device.machine must be one of"),
    "inline incomplete": (W + "device: {machine: gpu, name: x}\n", "must be given, not left out"),
    "inline typo": (W + "device: {machine: gpu, nmae: x}\n", "did you mean 'name'?"),
    "inline bare": (W + "device: {machine: gpu, sm_count: 4}\n", "must be a constant {value"),
    # workload
    "workload text": ("workload: vit\n" + D, "workload must be a mapping"),
    "workload empty": ("workload: {}\n" + D, "not an empty mapping"),
    "workload list": ("workload: [vit]\n" + D, "workload must be a mapping"),
    "no form": ("workload: {batch: 1}\n" + D, "one of the keys model, onnx, op"),
    "misspelt form": ("workload: {modle: x}\n" + D, "did you mean 'model'?"),
    "two forms": ("workload: {model: a, onnx: b.onnx}\n" + D, "only one of the keys"),
    "model number": ("workload: {model: 16}\n" + D, "workload.model must be text"),
    "near model": ("workload: {model: vit_base_patch16_242}\n" + D, "did you mean 'vit_base"),
    "unknown model": ("workload: {model: zzz}\n" + D, "workload.model must be one of"),
    "near choice": ("workload: {model: resnet50, bacth: 1}\n" + D, "did you mean 'batch'?"),
    "batch zero": ("workload: {model: resnet50, batch: 0}\n" + D, "workload.batch must be an int"),
    "batch text": ("workload: {model: resnet50, batch: many}\n" + D, "not 'many'"),
    "batch float": ("workload: {model: resnet50, batch: 1.5}\n" + D, "not 1.5"),
    "batch nan": ("workload: {model: resnet50, batch: .nan}\n" + D, "finite"),
    "batch inf": ("workload: {model: resnet50, batch: 1e999}\n" + D, "finite"),
    "batch huge": ("workload: {model: resnet50, batch: 99999999999999999999}\n" + D, "64 bits"),
    "batch large": ("workload: {model: resnet50, batch: 4000000000}\n" + D, "16777216"),
    "batch list": ("workload: {model: resnet50, batch: [1]}\n" + D, "must be a single value"),
    "batch bool": ("workload: {model: resnet50, batch: true}\n" + D, "workload.batch must be"),
    "near dtype": ("workload: {model: resnet50, dtype: fp61}\n" + D, "did you mean 'fp16'?"),
    "dtype null": ("workload: {model: resnet50, dtype: null}\n" + D, "dtype must be one of"),
    "near op": ("workload: {op: gem, m: 1}\n" + D, "did you mean 'gemm'?"),
    "op field": ("workload: {op: gemm, mm: 1}\n" + D, "mm"),
    "op value": ("workload: {op: gemm, m: -4, n: 4, k: 4, dtype: fp16}\n" + D, "m must be"),
    "op text": ("workload: {op: gemm, m: x, n: 4, k: 4, dtype: fp16}\n" + D, "m must be"),
    "op missing": ("workload: {op: gemm, m: 4}\n" + D, "workload.n must be given"),
    # minimize
    "minimize text": (OK + "minimize: latency_us\n", "minimize must be a list"),
    "minimize empty": (OK + "minimize: []\n", "at least 1"),
    "near metric": (OK + "minimize: [latncy_us]\n", "did you mean 'latency_us'?"),
    "minimize twice": (OK + "minimize: [energy_j, energy_j]\n", "once, not twice"),
    "minimize number": (OK + "minimize: [1]\n", "minimize[0] must be text, not 1"),
    # sweep
    "sweep text": (OK + "sweep: all\n", "sweep must be a mapping"),
    "sweep empty": (OK + "sweep: {}\n", "sweep must be a mapping"),
    "sweep root": (OK + "sweep: {sm_count: [1]}\n", "start with workload. or device."),
    "sweep path": (OK + "sweep: {device.sm_cuont: [1]}\n", "did you mean 'sm_count'?"),
    "sweep group": (OK + "sweep: {device.memory: [1]}\n", "field of the device schema"),
    "sweep unit": (OK + "sweep: {device.sm_count.unit: ['1']}\n", "field of the device schema"),
    "sweep machine": (OK + "sweep: {device.machine: [gpu]}\n", "field of the device schema"),
    "sweep value": (OK + "sweep: {device.sm_count: [66, many]}\n", "x.yaml:3:31: device.sm_count"),
    "sweep fraction": (OK + "sweep: {device.sm_count: [66.5]}\n", "an integer from 1 to"),
    "sweep zero": (OK + "sweep: {device.sm_count: [0]}\n", "an integer from 1 to"),
    "sweep nan": (OK + "sweep: {device.clock.boost_hz: [.nan]}\n", "finite"),
    "sweep huge value": (OK + "sweep: {device.clock.boost_hz: [1e300]}\n", "at most 1e+12"),
    "sweep cross-field": (OK + "sweep: {device.clock.boost_hz: [1e6]}\n", "clock.base_hz"),
    "sweep scalar": (OK + "sweep: {device.sm_count: 66}\n", "a list of values or a range"),
    "sweep no values": (OK + "sweep: {device.sm_count: []}\n", "not an empty list"),
    "sweep repeat": (OK + "sweep: {workload.batch: [1, 1]}\n", "each value once"),
    "sweep choice": (OK + "sweep: {workload.bacth: [1]}\n", "did you mean 'batch'?"),
    "sweep batch": (OK + "sweep: {workload.batch: [1, 0]}\n", "x.yaml:3:29: workload.batch"),
    "sweep model": (OK + "sweep: {workload.model: [resnet5]}\n", "did you mean 'resnet50'?"),
    "sweep form": (OK + "sweep: {workload.onnx: [a.onnx]}\n", "must not vary workload.onnx"),
    "sweep devices": (OK + "sweep: {device: [h200, h10]}\n", "x.yaml:3:24: device must be"),
    "sweep device number": (OK + "sweep: {device: [1]}\n", "a device's name"),
    "sweep mode": (OK + "sweep: {mode: zpi, workload.batch: [1]}\n", "did you mean 'zip'?"),
    "sweep zip": (OK + "sweep: {zip: {workload.batch: [1, 2], device.sm_count: [1]}}\n", "2 val"),
    "sweep list": (OK + "sweep: {list: {workload.batch: 1}}\n", "must be a list of points"),
    "sweep two modes": (OK + "sweep: {grid: {workload.batch: [1]}, zip: {}}\n", "grid alone"),
    "sweep huge": (OK + GRID + "{start: 1, stop: 132, step: 1}}\n", "unless --yes is given"),
    "sweep absurd": (OK + "sweep: {workload.batch: {start: 1, stop: 2, num: 1e12}}\n", "num"),
    "sweep tiny step": (OK + "sweep: {workload.batch: {start: 1, stop: 2, step: 1e-12}}\n", "step"),
    "sweep down": (OK + "sweep: {workload.batch: {start: 9, stop: 2, num: 3}}\n", "go up"),
    "sweep log": (OK + "sweep: {workload.batch: {start: 0, stop: 2, num: 2, scale: log}}\n", "up"),
    "sweep fractions": (OK + "sweep: {workload.batch: {start: 1, stop: 2, num: 3}}\n", "batch"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_hostile_run_file(name: str, refused: Callable[..., str], tmp_path: Path) -> None:
    text, words = RUNS[name]
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "x.yaml").write_bytes(raw)
    message = refused("run", "x.yaml")
    assert words in message
    assert message.startswith("archsim: x.yaml")


def test_there_are_at_least_80() -> None:
    assert len(RUNS) >= 80


# name -> (--set, words)
SETS: dict[str, tuple[str, str]] = {
    "no equals": ("device.sm_count", "must be path=value"),
    "no path": ("=5", "must be path=value"),
    "no value": ("device.sm_count=", "must be given a value"),
    "text": ("device.sm_count=many", "an integer from 1 to 4096, not 'many'"),
    "nan": ("device.sm_count=.nan", "finite"),
    "overflow": ("device.clock.boost_hz=1e999", "finite"),
    "list": ("device.sm_count=[1]", "an integer from 1 to 4096, not a list"),
    "tag": ("device.sm_count=!!python/name:os.system", "tags"),
    "unclosed": ("device.sm_count=[1", "valid YAML"),
    "alias": ("device.sm_count=*a", "anchors"),
    "documents": ("device.sm_count=1\n---\n2", "one YAML document"),
    "unknown path": ("device.sm_cuont=1", "did you mean 'sm_count'?"),
    "unknown head": ("devcie.sm_count=1", "did you mean 'device'?"),
    "unknown model": ("workload.model=vit_bsae_patch16_224", "did you mean 'vit_base_patch16_22"),
    "unknown choice": ("workload.bacth=1", "did you mean 'batch'?"),
    "batch": ("workload.batch=0", "workload.batch must be an integer"),
    "device": ("device=h20", "device must be a known name"),
    "device path": ("device=/etc/passwd", "device must be a known name"),
    "name": ("name=../evil", "name must be a name"),
    "minimize": ("minimize=[latncy_us]", "did you mean 'latency_us'?"),
    "cross-field": ("device.clock.boost_hz=1", "clock.base_hz"),
    "unit": ("device.sm_count.unit=x", "field of the device schema"),
    "machine": ("device.machine=array", "field of the device schema"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_hostile_override(name: str, refused: Callable[..., str], tmp_path: Path) -> None:
    override, words = SETS[name]
    (tmp_path / "x.yaml").write_text(OK)
    message = refused("run", "x.yaml", "--set", override)
    assert words in message
    assert message.startswith("archsim: --set ")


def test_an_axis_is_not_both_swept_and_set(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(OK + "sweep: {device.sm_count: [66, 132]}\n")
    message = refused("run", "x.yaml", "--set", "device.sm_count.value=66")
    assert "must not be both swept and set" in message


def test_a_path_is_not_set_twice(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(OK)
    arguments = ("--set", "device.sm_count=66", "--set", "device.sm_count.value=67")
    assert "once, not twice" in refused("run", "x.yaml", *arguments)
