"""Hand-made datasets and prices, small enough to check by hand."""

import json

import pytest

from archsim.graph.ops import Gemm
from archsim.metrics import KernelResult, OperatorResult
from archsim.validate import load_dataset

GEMM = {"op": "gemm", "m": 128, "n": 64, "k": 192, "dtype": "fp16", "us": 10.0}


def operator(spec, us, terms=None):
    terms = terms or (us, 0.0, 0.0, 0.0, 0.0, 0.0)
    kernel = KernelResult("k", us, terms, {}, spec.flops, 0.0, 0.0, 0.0, {"tile": "64x64"})
    return OperatorResult(
        "op", spec.kind, 1, us, 0.9 * us, 1.1 * us, 0.0, spec.flops, spec.bytes, us, (kernel,)
    )


@pytest.fixture
def gemm_case():
    return dict(GEMM)


@pytest.fixture
def make_operator():
    return operator


@pytest.fixture
def write_dataset(tmp_path):
    def write(cases, meta=None):
        path = tmp_path / "data.json"
        path.write_text(json.dumps({"meta": meta or {}, "cases": cases}))
        return load_dataset(path)

    return write


@pytest.fixture
def gemm_spec():
    return Gemm(m=128, n=64, k=192)
