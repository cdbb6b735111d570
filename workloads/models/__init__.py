"""Model graphs by name: vision, language, mixture-of-experts and neural-graphics models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from archsim.graph import Graph
from workloads.models import (
    convnext,
    gpt,
    llama,
    m3vit,
    mobilenet,
    neural_frames,
    neural_graphics,
    resnet,
    swin,
    vit,
)
from workloads.models.registry import Choice, Model, resolve

_MODELS: dict[str, Model] = {
    **vit.MODELS,
    **swin.MODELS,
    **resnet.MODELS,
    **mobilenet.MODELS,
    **convnext.MODELS,
    **gpt.MODELS,
    **llama.MODELS,
    **m3vit.MODELS,
    **neural_graphics.MODELS,
    **neural_frames.MODELS,
}


def names() -> tuple[str, ...]:
    """Every model that ``build`` knows, sorted."""
    return tuple(sorted(_MODELS))


def choices(model: str) -> Mapping[str, Choice]:
    """The choices of ``model`` with type, default, meaning and rule."""
    resolve(_MODELS, model, {})
    return _MODELS[model].choices


def describe(model: str) -> str:
    """One line about ``model``."""
    resolve(_MODELS, model, {})
    return _MODELS[model].doc


def build(model: str, **given: object) -> Graph:
    """Return the graph of ``model``; ``given`` are its choices (see ``choices``).

    ``ValueError`` names an unknown model, an unknown choice or a value that breaks its rule.
    Graphs are shared between calls with equal choices: do not change ``meta``.
    """
    resolved = resolve(_MODELS, model, given)
    return _build(model, tuple(resolved.items()))


@lru_cache(maxsize=8)
def _build(model: str, resolved: tuple[tuple[str, object], ...]) -> Graph:
    return _MODELS[model].builder(model, **dict(resolved))


__all__ = ["Choice", "build", "choices", "describe", "names"]
