"""archsim: one YAML design point; a simulation, RTL, a co-simulation and GPU kernels that agree."""

__version__ = "0.1.0"
