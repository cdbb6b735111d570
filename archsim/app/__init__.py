"""The composition root: the one place that joins models, workloads, hardware and co-simulation.

``evaluate`` and ``identify`` are what a sweep's workers call by dotted name.
"""

from archsim.app.points import evaluate, identify

__all__ = ["evaluate", "identify"]
