"""The Edge-MoE machine: a phase model of the multi-task vision-transformer accelerator."""

from archsim.models.edgemoe.model import EdgeMoeModel
from archsim.models.edgemoe.resources import resources

__all__ = ["EdgeMoeModel", "resources"]
