"""One sub-package per machine, all answering with ``archsim.metrics.PointResult``."""
