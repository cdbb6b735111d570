"""From an operator to the kernels a tuned library launches for it: one function per kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archsim.errors import UnsupportedOperatorError
from archsim.graph.ops import Copy, Elementwise, OpSpec
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.pointwise import lower_copy, lower_elementwise

Lowering = Callable[[Any, Any], list[Plan]]
"""``lower(spec, dev)`` with ``dev`` the device's record (row 0 of its variants)."""

LOWERINGS: dict[type[OpSpec], Lowering] = {
    Elementwise: lower_elementwise,
    Copy: lower_copy,
}


def lower(spec: OpSpec, dev: Any) -> list[Plan]:
    """Return the kernels of ``spec`` in launch order; an unknown kind is an error, never free."""
    try:
        lowering = LOWERINGS[type(spec)]
    except KeyError:
        raise UnsupportedOperatorError(
            f"the GPU model has no kernel for operator {spec.kind!r}"
        ) from None
    return lowering(spec, dev)
