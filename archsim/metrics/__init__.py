"""Results and their self-checks, the same for every machine."""

from archsim.metrics.result import TERMS, KernelResult, OperatorResult, PointResult

__all__ = ["TERMS", "KernelResult", "OperatorResult", "PointResult"]
