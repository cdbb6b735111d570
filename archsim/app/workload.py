"""From a run file's ``workload`` to its graph: a built model, an ONNX file or one operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError
from archsim.graph import OP_KINDS, Graph, Op
from archsim.recent import Recent

FORMS = ("model", "onnx", "op")


def build_graph(workload: Mapping[str, Any]) -> Graph:
    """Return the graph that ``workload`` describes.

    The mapping holds exactly one of ``model`` (a built model and its choices), ``onnx`` (a file,
    with ``batch`` and ``dtype``) and ``op`` (one operator and its fields).
    """
    text = json.dumps(workload, sort_keys=True)
    return _graphs.get(text) or _graphs.put(text, _built(json.loads(text)))


def forget_graphs() -> None:
    """Give up the graphs that were kept."""
    _graphs.clear()


_OPERATORS_KEPT = 20_000
"""Operators of the graphs that are kept, about 1 kB each."""

_graphs = Recent[str, Graph](_OPERATORS_KEPT, lambda graph: len(graph.ops))


def _built(workload: dict[str, Any]) -> Graph:
    form = next((f for f in FORMS if f in workload), None)
    if form is None:
        raise ConfigError(f"workload must have one of {', '.join(FORMS)}")
    choices = {k: v for k, v in workload.items() if k != form}
    build = {"model": _model, "onnx": _onnx, "op": _operator}[form]
    return build(workload[form], choices)


def _model(name: str, choices: dict[str, Any]) -> Graph:
    from workloads import models

    try:
        return models.build(name, **choices)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"workload: {error}") from None


def _onnx(path: str, choices: dict[str, Any]) -> Graph:
    from archsim.graph.onnx_import import load_onnx

    try:
        return load_onnx(Path(path), **choices)
    except TypeError:
        raise ConfigError(
            f"workload of an ONNX file must have only batch and dtype, not {', '.join(choices)}"
        ) from None


def _operator(kind: str, choices: dict[str, Any]) -> Graph:
    if kind not in OP_KINDS:
        raise ConfigError(
            f"workload.op must be one of {', '.join(OP_KINDS)}, not {kind!r}{_hint(kind, OP_KINDS)}"
        )
    spec_type = OP_KINDS[kind]
    known = [f.name for f in fields(spec_type)]
    for name in choices:
        if name not in known:
            raise ConfigError(
                f"workload.{name} must be a field of {kind} ({', '.join(known)})"
                f"{_hint(name, known)}"
            )
    needed = [f.name for f in fields(spec_type) if f.default is MISSING and f.init]
    for name in needed:
        if name not in choices:
            raise ConfigError(f"workload.{name} must be given, not left out")
    try:
        spec = spec_type(**choices)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"workload: {error}") from None
    return Graph(kind, (Op(kind, spec),), meta={"operator": dict(choices)})


def _hint(word: str, known: Any) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
