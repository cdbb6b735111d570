import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # dotted names of sweep_points


@pytest.fixture
def sweep(tmp_path):
    """Run a sweep of the synthetic points in a folder of its own."""
    from archsim.sweep import run_sweep

    def run(space, context=None, folder="out", workers=1, **more):
        out = tmp_path / folder
        arguments = {
            "evaluate": "sweep_points:evaluate",
            "identify": "sweep_points:identify",
            "store_path": out / "store.sqlite",
            "output": out,
            "workers": workers,
            "minimize": ("latency_us", "energy_j"),
        }
        return run_sweep(space, context or {}, **{**arguments, **more})

    return run


@pytest.fixture
def results(tmp_path):
    """Return the bytes of a folder's result files."""
    from archsim.sweep.export import FILES

    def read(folder="out"):
        return {name: (tmp_path / folder / name).read_bytes() for name in FILES}

    return read
