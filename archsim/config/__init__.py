"""Configuration: strict YAML, frozen schemas, overrides and sweeps. No NumPy."""

from archsim.config.constant import Basis, Constant, Group, constant
from archsim.config.device import Device
from archsim.config.digest import digest
from archsim.config.load import is_device_file, load_device, load_run
from archsim.config.paths import configs_dir
from archsim.config.run_file import Design, Point, RunFile, WorkloadChoice
from archsim.config.sweep import Sweep
from archsim.config.vocabulary import Vocabulary

__all__ = [
    "Basis",
    "Constant",
    "Design",
    "Device",
    "Group",
    "Point",
    "RunFile",
    "Sweep",
    "Vocabulary",
    "WorkloadChoice",
    "configs_dir",
    "constant",
    "digest",
    "is_device_file",
    "load_device",
    "load_run",
]
