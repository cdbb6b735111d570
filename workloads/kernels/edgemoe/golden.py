"""Records what the encoder's kernels compute on a real GPU, and how long they take.

``python -m workloads.kernels.edgemoe.golden --output DIR`` writes for each case ``NAME.npz`` with
the output and ``NAME.json`` with the digest of every intermediate result and the provenance,
``edgemoe_code.json`` with digests of the PTX and machine code that ran, ``edgemoe_half.json`` with
what the float16 versions compute, and ``edgemoe_times.json`` with the durations of both at full
size. Inputs are drawn from seeds. Needs NumPy, Numba, numba-cuda and pydantic; times need torch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.edgemoe_params import M3VIT_TINY, SMALL, TRAINED, EdgeMoeParams
from archsim.functional.edgemoe.reference import FloatEncoder, sqnr_db
from archsim.functional.edgemoe.weights import Weights, draw, quantise
from workloads.kernels.golden import platform_facts
from workloads.trained import load
from workloads.trained.scenes import draw_scene

PARAMS = {"small": SMALL, "trained": TRAINED, "full": M3VIT_TINY}
KERNELS = (
    "attention_scores", "online_softmax", "attention_mix", "layer_norm", "linear", "queues",
    "gate", "add",
)  # fmt: skip
HALF_KERNELS = ("linear_half", "norm_half", "attention_half", "gate_half")
REPEATS = 10


@dataclass(frozen=True)
class EncoderCase:
    """One image through one encoder; ``model`` names its parameters and weights."""

    name: str
    model: str
    seed: int
    task: int

    @property
    def params(self) -> EdgeMoeParams:
        """The encoder's parameters."""
        return PARAMS[self.model]

    def weights(self) -> Weights:
        """The trained model's weights, or those of seed 1, quantised."""
        return quantise(self.params, self.floats())

    def floats(self) -> Weights:
        """The weights before they are quantised."""
        return load() if self.model == "trained" else draw(self.params, 1)

    def pixels(self) -> np.ndarray[Any, Any]:
        """A scene for the trained model, else noise."""
        p = self.params
        if self.model == "trained":
            return draw_scene(self.seed).pixels.astype(np.int64)
        rng = np.random.Generator(np.random.PCG64([self.seed, p.image_height, p.image_width]))
        return rng.integers(0, 256, (p.channels, p.image_height, p.image_width))


CASES = tuple(
    EncoderCase(f"edgemoe_{model}_{seed}_task{task}", model, seed, task)
    for model, seeds in (("small", (1, 2)), ("trained", (2000000, 2000003)), ("full", (1,)))
    for seed in seeds
    for task in (0, 1)
)


@dataclass(frozen=True)
class RoutingCase:
    """Block 1 of the small encoder on random tokens with a routing that no gate chose."""

    name: str
    spread: str

    def inputs(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Tokens [n, dim], experts and scores [n, top_k], all int64."""
        p = SMALL
        rng = np.random.Generator(np.random.PCG64([2026, p.tokens, p.dim]))
        x = rng.integers(-(1 << 23), 1 << 23, (p.tokens, p.dim))
        rows = np.arange(p.tokens)[:, None]
        experts = {
            "one": np.tile(np.array([2, 0]), (p.tokens, 1)),
            "none": np.array([0, 1]) + (rows % 2) * np.array([0, 1]),
            "even": np.array([0, 2]) + rows % 2,
        }[self.spread]
        return x, experts, rng.integers(0, 1 << 22, experts.shape)


ROUTINGS = tuple(RoutingCase(f"edgemoe_routing_{s}", s) for s in ("one", "none", "even"))


def array_digest(array: Any) -> str:
    """Return the SHA-256 of an integer array as little-endian int64."""
    return hashlib.sha256(np.ascontiguousarray(array.astype("<i8")).tobytes()).hexdigest()


def input_digest(case: EncoderCase) -> str:
    """Return the SHA-256 over pixels and weights."""
    digest = hashlib.sha256(array_digest(case.pixels()).encode())
    for name, array in sorted(case.weights().arrays.items()):
        digest.update(f"{name}{array_digest(array)}".encode())
    return digest.hexdigest()


def routing_digest(case: RoutingCase) -> str:
    """Return the SHA-256 over tokens, experts and scores."""
    return array_digest(np.concatenate([array.ravel() for array in case.inputs()]))


def record(output: Path, cases: tuple[EncoderCase, ...] = CASES) -> list[Path]:
    """Run ``cases`` and all routings on the GPU (or the simulator); return the files written."""
    output.mkdir(parents=True, exist_ok=True)
    facts = platform_facts()
    written = []
    for case in cases:
        digests: dict[str, str] = {}
        found = _encode(case, digests)
        data = {**asdict(case), "digests": digests, "input_sha256": input_digest(case)}
        written.append(_write(output, case.name, found, data, facts))
    for routing in ROUTINGS:
        data = {**asdict(routing), "input_sha256": routing_digest(routing)}
        written.append(_write(output, routing.name, _accumulate(routing), data, facts))
    return written


def record_code(files: list[Path]) -> Path:
    """Write what ran: digests of the kernels' PTX and machine code, and of what they computed."""
    from workloads.kernels.edgemoe import kernels

    outputs = {}
    for file in files:
        meta = json.loads(file.with_suffix(".json").read_text())["_meta"]
        outputs[file.stem] = meta["output_sha256"]
    found = machine_code([getattr(kernels, name) for name in KERNELS])
    data = {"outputs": outputs, "kernels": found, "_meta": platform_facts()}
    target = files[0].with_name("edgemoe_code.json")
    target.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    return target


def machine_code(kernels: Any) -> dict[str, list[dict[str, str]]]:
    """Return for each kernel that ran the SHA-256 of PTX and machine code of its versions."""
    found = {}
    for kernel in kernels:
        versions = []
        for types, made in kernel.overloads.items():
            code = made._codelibrary.get_cubin()
            data = getattr(code, "code", code)
            texts = {"ptx_sha256": kernel.inspect_asm(types).encode(), "cubin_sha256": bytes(data)}
            versions.append({name: hashlib.sha256(x).hexdigest() for name, x in texts.items()})
        if versions:
            found[kernel.py_func.__name__] = versions
    return found


def record_half(output: Path, cases: tuple[EncoderCase, ...] = CASES) -> Path:
    """Run ``cases`` in float16; write the error against float64, and the code that ran."""
    from workloads.kernels.edgemoe import half

    rows, kernels = {}, [half.linear_half, half.norm_half, half.gate_half]
    for case in cases:
        weights, pixels = case.floats(), case.pixels()
        exact: dict[str, Any] = {}
        expected = FloatEncoder(case.params, weights)(pixels, case.task, exact.__setitem__)
        chosen: dict[str, Any] = {}
        encoder = half.HalfEncoder(case.params, weights)
        found = encoder(pixels, case.task, chosen.__setitem__)
        same = [np.sort(v, axis=-1) == np.sort(exact[n], axis=-1) for n, v in chosen.items()]
        rows[case.name] = {
            "sqnr_db": round(sqnr_db(expected, found.astype(np.float64)), 2),
            "experts_agree": round(float(np.mean([s.all(axis=-1).mean() for s in same])), 5),
            "output_sha256": hashlib.sha256(found.astype("<f4").tobytes()).hexdigest(),
        }
        kernels += [encoder.attend] if encoder.attend not in kernels else []
    data = {"cases": rows, "_meta": {**platform_facts(), "kernels": machine_code(kernels)}}
    file = output / "edgemoe_half.json"
    file.write_text(json.dumps(data, indent=1) + "\n")
    return file


def _encode(case: EncoderCase, digests: dict[str, str]) -> Any:
    from workloads.kernels.edgemoe.encoder import GpuEncoder

    encoder = GpuEncoder(case.params, case.weights())
    return encoder(case.pixels(), case.task, lambda n, v: digests.__setitem__(n, array_digest(v)))


def _accumulate(case: RoutingCase) -> Any:
    from numba import cuda

    from workloads.kernels.edgemoe.encoder import GpuEncoder

    encoder = GpuEncoder(SMALL, quantise(SMALL, draw(SMALL, 1)))
    x, experts, scores = (cuda.to_device(a.astype(np.int32)) for a in case.inputs())
    return encoder.accumulate(x, 1, experts, scores).copy_to_host()


def _write(output: Path, name: str, found: Any, data: dict[str, Any], facts: Any) -> Path:
    file = output / f"{name}.npz"
    np.savez_compressed(file, out=found.astype(np.int32))
    meta = {**facts, "output_sha256": array_digest(found), "input_sha256": data.pop("input_sha256")}
    text = json.dumps({**data, "_meta": meta}, indent=1, sort_keys=True)
    file.with_suffix(".json").write_text(text + "\n")
    return file


def record_times(output: Path) -> Path:
    """Time the kernels of the full encoder with CUPTI, warm; write ``edgemoe_times.json``."""
    from workloads.kernels.edgemoe.encoder import GpuEncoder
    from workloads.kernels.edgemoe.half import HalfEncoder
    from workloads.measure.timing import traced

    case = next(c for c in CASES if c.model == "full")
    pixels = case.pixels()
    exact, half = GpuEncoder(case.params, case.weights()), HalfEncoder(case.params, case.floats())
    rows: dict[str, Any] = {}
    categories: Counter[str] = Counter()
    for encoder, names in ((exact, KERNELS), (half, HALF_KERNELS)):
        encoder(pixels)
        with traced() as events:
            for _ in range(REPEATS):
                encoder(pixels)
        rows |= _durations(events, names)
        categories.update(event["cat"] for event in events)
    facts = {
        **platform_facts(),
        "method": f"CUPTI kernel durations, warm, {REPEATS} images one after another",
        "categories": dict(categories),
    }
    file = output / "edgemoe_times.json"
    data = {"case": asdict(case), "kernels": rows, "_meta": facts}
    file.write_text(json.dumps(data, indent=1) + "\n")
    return file


def _durations(events: Any, names: tuple[str, ...]) -> dict[str, Any]:
    durations: dict[str, list[float]] = {}
    for event in events:
        name = re.search("|".join(names), event["name"]) if event["cat"] == "kernel" else None
        if name:
            durations.setdefault(name.group(), []).append(float(event["dur"]))
    return {
        name: {
            "launches": len(found) // REPEATS,
            "us_median": round(statistics.median(found), 3),
            "us_of_an_image": round(sum(found) / REPEATS, 1),
        }
        for name, found in sorted(durations.items())
    }


def main() -> None:
    """Record all cases, then the times where torch can profile a GPU."""
    parser = argparse.ArgumentParser(description="record golden vectors of the Edge-MoE kernels")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--times", action="store_true", help="time the kernels too")
    chosen = parser.parse_args()
    files = record(chosen.output)
    for file in [*files, record_code(files)]:
        print(file, flush=True)
    print(record_half(chosen.output), flush=True)
    if chosen.times:
        print(record_times(chosen.output))


if __name__ == "__main__":
    main()
