"""Verilator's lint at -Wall: clean but for the waivers that the folder explains."""

import subprocess
from itertools import pairwise

import pytest

from archsim.config import load_device
from cosim.verilated import verilator_path
from hdl.generate import generate


@pytest.mark.parametrize("name", ["os_8x8_gelu", "os_8x8_w16a32", "ws_8x8_int8"])
def test_lint_is_clean(name, tmp_path):
    generate(load_device(name), tmp_path)
    files = ["sim/waivers.vlt", "top.v", "sim/ecp5_models.v"]
    command = [str(verilator_path()), "--lint-only", "-Wall", "--top-module", "matrix_top"]
    done = subprocess.run(
        [*command, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:2000]
    assert "Warning" not in done.stderr


def test_every_waiver_is_explained(tmp_path):
    generate(load_device("os_4x4_int8"), tmp_path)
    lines = (tmp_path / "sim" / "waivers.vlt").read_text().splitlines()
    for before, line in pairwise(lines):
        if line.startswith("lint_off"):
            assert before.startswith(("//", "lint_off"))
