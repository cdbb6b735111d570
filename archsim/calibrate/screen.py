"""Which constants the data can determine: candidates by their basis, chosen by sensitivity."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from archsim.calibrate.problem import Array, Problem, all_paths
from archsim.config.constant import Rule
from archsim.config.gpu import GpuDevice
from archsim.config.leaves import leaves
from archsim.errors import ConfigError

FITTED_BASES = ("calibrated", "estimated", "measured")
NOISE = 0.05
"""Standard deviation of one log error that screening assumes: measurement and model together."""

DETERMINED = 0.25
"""The relative standard error above which the data say too little about a constant."""


def rule_of(path: str) -> Rule:
    """Return the rule of the constant at ``path``."""
    rule = leaves(GpuDevice)[path].rule
    if rule is None:
        raise ValueError(f"path must be a constant's, not {path!r}")
    return rule


def candidates(device: GpuDevice, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the paths of constants that may be fitted: those ``asked`` for, else by basis.

    A constant that is a whole number or zero has no slope and is never a candidate, and what was
    read off the device (measured, without uncertainty) stays.
    """
    known = all_paths()
    for path in asked:
        if path not in known:
            near = _near(path, known)
            raise ConfigError(f"--constant must be a constant of the device, not {path!r}{near}")
    chosen = []
    for path in asked or known:
        constant = attrgetter(path)(device)
        usable = constant.value > 0 and not rule_of(path).integer
        if asked and not usable:
            raise ConfigError(
                f"--constant must be one that can vary, not {path!r} (a whole number or zero)"
            )
        exact = constant.basis == "measured" and constant.uncertainty == 0
        if usable and (asked or (constant.basis in FITTED_BASES and not exact)):
            chosen.append(path)
    return tuple(chosen)


def _near(path: str, known: Sequence[str]) -> str:
    from archsim.config.suggest import hint

    return str(hint(path, known))


def screen(problem: Problem, paths: Sequence[str], most: int) -> tuple[tuple[str, ...], Array]:
    """Return at most ``most`` of ``paths`` that the fit half determines, and all sensitivities.

    Greedy: the next constant is the one with the most sensitivity that those taken before cannot
    imitate. It ends where a constant's standard error would exceed ``DETERMINED``. The
    sensitivities are root mean squares of d log(time) / d log(constant), in the order of ``paths``.
    """
    use = ~problem.check
    jacobian = problem.jacobian(paths)[use]
    rms = np.sqrt((jacobian**2).mean(axis=0)) if len(jacobian) else np.zeros(len(paths))
    rest: Any = jacobian * problem.weight[use, None]
    limit = min(most, int(use.sum()))
    taken: list[int] = []
    while len(taken) < limit:
        norms = np.linalg.norm(rest, axis=0)
        norms[taken] = 0.0
        best = int(norms.argmax())
        if norms[best] * DETERMINED < NOISE:
            break
        direction = rest[:, best] / norms[best]
        rest = rest - np.outer(direction, direction @ rest)
        taken.append(best)
    return tuple(paths[i] for i in sorted(taken)), rms
