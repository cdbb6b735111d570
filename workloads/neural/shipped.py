"""Trained networks as data: 16-bit numbers with a scale each, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import Network

Array = NDArray[Any]

FOLDER = Path(__file__).parent / "weights"


class MissingNetworkError(LookupError):
    """No network was trained for an application on a grid."""


def save(file: Path, params: NfpParams, network: Network, meta: Mapping[str, Any]) -> None:
    """Write ``network`` rounded to 16 bits an array, with what it is for and ``meta``."""
    arrays: dict[str, Array] = {}
    for name, values in _named(network).items():
        exponent = 14 - int(np.floor(np.log2(np.abs(values).max())))
        raw = np.rint(values.astype(np.float64) * 2.0**exponent).clip(-(2**15), 2**15 - 1)
        # differences along the table compress no better than the numbers; bytes apart do
        data = raw.astype("<i2").view(np.uint8).reshape(-1, 2)
        arrays[name] = np.ascontiguousarray(data.T)
        arrays[f"{name}_meta"] = np.array([exponent, *values.shape], np.int32)
    described = {"for": _purpose(params), "_meta": dict(meta)}
    text = np.frombuffer(json.dumps(described, sort_keys=True).encode(), np.uint8)
    np.savez_compressed(file, described=text, **arrays)


def load(file: Path) -> tuple[Network, dict[str, Any]]:
    """Return the network of ``file`` and its description."""
    with np.load(file) as stored:
        described = json.loads(stored["described"].tobytes())
        found = {
            name: _restored(stored[name], stored[f"{name}_meta"])
            for name in stored.files
            if f"{name}_meta" in stored.files
        }
    count = len(described["for"]["mlps"])
    weights = tuple(
        tuple(found[f"w{m}_{i}"] for i in range(sum(n.startswith(f"w{m}_") for n in found)))
        for m in range(count)
    )
    return Network(found["table"], weights), described


def find(application: str, params: NfpParams) -> tuple[Network, dict[str, Any]]:
    """Return the network trained for ``application`` on ``params``' grid and perceptrons."""
    for file in sorted(FOLDER.glob(f"{application}_*.npz")):
        network, described = load(file)
        if described["for"] == _purpose(params):
            return network, described
    raise MissingNetworkError(f"no network was trained for {application} on this grid")


def _purpose(params: NfpParams) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        json.dumps({"grid": asdict(params.grid), "mlps": [asdict(m) for m in params.mlps]})
    )
    return data


def _named(network: Network) -> dict[str, Array]:
    named = {"table": network.table}
    for m, weights in enumerate(network.weights):
        named.update({f"w{m}_{i}": w for i, w in enumerate(weights)})
    return named


def _restored(data: Array, meta: Array) -> Array:
    raw = np.ascontiguousarray(data.T).view("<i2").reshape(tuple(meta[1:]))
    return (raw * 2.0 ** -float(meta[0])).astype(np.float32)
