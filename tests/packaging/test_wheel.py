"""A wheel, installed in an empty environment away from the checkout, runs every preset."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
PRESETS = sorted(
    p.relative_to(ROOT / "configs")
    for p in (ROOT / "configs").rglob("*.yaml")
    if "workload" in yaml.safe_load(p.read_text())
)


def call(*command: object, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run without the checkout on any path."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**environment, **extra},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = call(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def archsim(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``archsim`` program of a fresh environment with only the base dependencies."""
    folder = tmp_path_factory.mktemp("clean")
    python = folder / "venv" / "bin" / "python"
    pins = ROOT / "requirements" / "run.lock"
    for command in (
        (UV, "venv", "--quiet", "--python", sys.executable, folder / "venv"),
        (UV, "pip", "install", "--quiet", "--python", python, "-c", pins, wheel),
    ):
        done = call(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin" / "archsim"


def test_the_wheel_carries_configs_data_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "archsim/_configs/quickstart.yaml" in names
    assert "archsim/_configs/devices/h200.yaml" in names
    assert "workloads/measured/h200_kernels.json" in names
    assert "archsim/report/assets/page.html" in names
    assert {f"{p}/py.typed" for p in ("archsim", "hdl", "workloads", "cosim")} <= names
    assert not [n for n in names if n.startswith("tests/") or n.endswith(".pyc")]


@pytest.mark.parametrize("preset", PRESETS, ids=str)
def test_every_preset_runs_from_the_wheel(preset: Path, archsim: Path, tmp_path: Path) -> None:
    done = call(archsim, "run", preset.stem, "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000
    assert (tmp_path / "out" / "results.csv").read_text().count("\n") > 1
