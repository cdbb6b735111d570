"""Devices shared by the tests of the GPU model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archsim.config import load_device
from archsim.models.gpu import GpuModel

sys.path.insert(0, str(Path(__file__).parent))  # random_operators


@pytest.fixture(scope="session")
def h200():
    return load_device("h200")


@pytest.fixture(scope="session")
def h200_model(h200):
    return GpuModel(h200)
