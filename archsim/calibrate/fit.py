"""Robust least squares on log errors, uncertainties, and what the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archsim.calibrate.problem import Array, Problem
from archsim.calibrate.screen import rule_of
from archsim.errors import ConfigError

ROBUST = 0.05
"""Log error from which an observation counts less than its square."""

PULL = 0.02
"""Weight of staying near the start: it decides only what the data leave open."""

RANGE = 2.0
"""Largest change of a constant: a factor of e**2 either way, within its schema's bounds."""

ROUNDS = 2
"""Kernels are chosen anew with the fitted constants and the fit repeated, this often in all."""

MIXED = 30.0
"""Condition number of the scaled Jacobian from which a direction is called unidentifiable."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted constant: where it began and ended, its relative uncertainty (two standard errors).

    ``at_bound`` says that the fit ended at the edge of what is allowed.
    """

    path: str
    begin: float
    value: float
    uncertainty: float
    sensitivity: float
    at_bound: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """A finished fit. Errors are mean absolute per cent by class: (n, before, after)."""

    constants: tuple[Fitted, ...]
    warnings: tuple[str, ...]
    fit_errors: dict[str, tuple[int, float, float]]
    check_errors: dict[str, tuple[int, float, float]]
    skipped: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def fit(problem: Problem, paths: Sequence[str]) -> Calibration:
    """Fit the constants ``paths`` of ``problem``; its ``row`` holds the new values afterwards."""
    if problem.check.all():
        raise ConfigError("data must hold a case of the fit half, not only of the check half")
    before = problem.log_ratio()
    begin = problem.values(paths)
    low, high = _bounds(paths, begin)
    x = np.zeros(len(paths))
    for _ in range(ROUNDS if len(paths) else 0):
        x = _solve(problem, paths, begin, x, (low, high))
        problem.lower()
    jacobian, ratio = problem.jacobian(paths), problem.log_ratio()
    use = ~problem.check
    weight = problem.weight[use] * _robust(ratio[use])
    spread = _spread(jacobian[use] * weight[:, None], ratio[use] * weight)
    sensitivity = np.sqrt((jacobian[use] ** 2).mean(axis=0))
    edge = (x - low < 1e-6) | (high - x < 1e-6)
    constants = tuple(
        Fitted(p, float(b), float(b * np.exp(v)), float(u), float(s), bool(e))
        for p, b, v, u, s, e in zip(paths, begin, x, spread, sensitivity, edge, strict=True)
    )
    warnings = [f"{c.path} ended at the edge of its range" for c in constants if c.at_bound]
    if int(use.sum()) <= len(paths):
        warnings.append("as many constants as times: the errors above say nothing about the fit")
    warnings += mixed(jacobian[use] * weight[:, None], paths)
    errors = [_errors(problem, before, ratio, half) for half in (use, ~use)]
    return Calibration(constants, tuple(warnings), errors[0], errors[1], problem.skipped)


def _bounds(paths: Sequence[str], begin: Array) -> tuple[Array, Array]:
    low, high = np.full(len(paths), -RANGE), np.full(len(paths), RANGE)
    for i, path in enumerate(paths):
        rule = rule_of(path)
        least = max(rule.minimum, rule.above * (1 + 1e-9), begin[i] * np.exp(-RANGE))
        most = min(rule.maximum, rule.below * (1 - 1e-9), begin[i] * np.exp(RANGE))
        low[i] = min(np.log(least / begin[i]), -1e-9)
        high[i] = max(np.log(most / begin[i]), 1e-9)
    return low, high


def _solve(
    problem: Problem, paths: Sequence[str], begin: Array, x: Array, bounds: tuple[Array, Array]
) -> Array:
    """Return the logarithms of the factors on ``begin`` that fit best; ``row`` holds them."""
    least_squares = _least_squares()
    use = ~problem.check
    weight = problem.weight[use]

    def place(at: Array) -> None:
        problem.set(paths, begin * np.exp(at))

    def residual(at: Array) -> Array:
        place(at)
        return np.concatenate([weight * problem.log_ratio()[use], PULL * ROBUST * at])

    def jacobian(at: Array) -> Array:
        place(at)
        slope = problem.jacobian(paths)[use] * weight[:, None]
        return np.concatenate([slope, PULL * ROBUST * np.eye(len(paths))])

    found = least_squares(
        residual, np.clip(x, bounds[0] * 0.999, bounds[1] * 0.999), jac=jacobian, bounds=bounds,
        loss="soft_l1", f_scale=ROBUST, x_scale=0.1, max_nfev=40,
    )  # fmt: skip
    place(found.x)
    return np.asarray(found.x)


def _least_squares() -> Any:
    try:
        from scipy.optimize import least_squares
    except ImportError:
        raise ConfigError(
            "calibrate must have SciPy, which is missing; install it with "
            "pip install 'archsim[calibrate]'"
        ) from None
    return least_squares


def _robust(ratio: Array) -> Array:
    """Return the weights that make least squares of the soft-l1 loss."""
    return np.asarray((1.0 + (ratio / ROBUST) ** 2) ** -0.25)


def _spread(jacobian: Array, residual: Array) -> Array:
    """Return two standard errors of each logarithm, at most 1."""
    count = jacobian.shape[1]
    if not count:
        return np.zeros(0)
    free = max(len(residual) - count, 1)
    variance = max(float(residual @ residual) / free, 1e-8)
    if len(residual) <= count:  # nothing is left over to estimate the noise from
        variance = ROBUST**2
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * variance
    return np.minimum(2.0 * np.sqrt(np.maximum(np.diag(covariance), 0.0)), 1.0)


def mixed(jacobian: Array, paths: Sequence[str]) -> list[str]:
    """Return a sentence for each combination of constants that the data hardly see."""
    norms = np.linalg.norm(jacobian, axis=0)
    silent = [f"{p} changes no observation" for p, n in zip(paths, norms, strict=True) if n == 0]
    seen = [i for i, n in enumerate(norms) if n > 0]
    if len(seen) < 2:
        return silent
    _, values, directions = np.linalg.svd(jacobian[:, seen] / norms[seen], full_matrices=False)
    found = []
    for value, direction in zip(values, directions, strict=True):
        if value * MIXED < values[0]:
            names = [
                paths[seen[j]] for j in np.argsort(-np.abs(direction)) if abs(direction[j]) > 0.3
            ]
            found.append(f"{' and '.join(names)} can hardly be told apart by these data")
    return silent + found


def _errors(
    problem: Problem, before: Array, after: Array, half: Any
) -> dict[str, tuple[int, float, float]]:
    names = np.array([o.name for o in problem.kept])
    found: dict[str, tuple[int, float, float]] = {}
    for name in [*dict.fromkeys(names[half].tolist()), "overall"]:
        pick = half & ((names == name) | (name == "overall"))
        if pick.any():
            errors = [100 * float(np.abs(np.expm1(r[pick])).mean()) for r in (before, after)]
            found[name] = (int(pick.sum()), errors[0], errors[1])
    return found
