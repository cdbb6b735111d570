"""Synthetic points for the tests of sweeps, named by dotted name in worker processes."""

import hashlib
import json
import os
import time
from pathlib import Path

from archsim.errors import ConfigError


def identify(context, overrides):
    if "unidentified" in context and overrides.get("x") == context["unidentified"]:
        raise ConfigError(f"x must be identifiable, not {overrides['x']}")
    resolved = {**context.get("base", {}), **overrides}
    text = json.dumps([context.get("version", 1), resolved], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def evaluate(context, overrides):
    x, y = overrides.get("x", 0), overrides.get("y", 1)
    if "log" in context:
        with Path(context["log"]).open("a") as file:
            file.write(f"{x} {y}\n")
    time.sleep(context.get("seconds", 0))
    if x in context.get("bad", ()):
        raise ConfigError(f"x must be good, not {x}")
    if x in context.get("bug", ()):
        raise KeyError(x)
    if x in context.get("nan", ()):
        return {"metrics": {"latency_us": float("nan")}}
    if x in context.get("deadly", ()):
        os._exit(9)
    if x in context.get("interrupt", ()):
        raise KeyboardInterrupt
    if x in context.get("greedy", ()):
        raise MemoryError
    latency = 100.0 / (1 + x) + 0.1 * y
    return {
        "metrics": {"latency_us": latency, "energy_j": 0.1 * x + 1 / y, "power_w": x / 3},
        "operators": [{"name": "gemm", "us": latency}] * 3,
    }


def evaluate_other(context, overrides):
    return {"metrics": {"bandwidth": 1.0 + overrides["bandwidth"]}}


NOT_A_FUNCTION = 3
