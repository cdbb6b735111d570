"""FPGA resources, frequency and power of a matrix engine, from committed synthesis counts.

A model: nothing is synthesised here. ``archsim synth --record`` adds the counts it is fit to.
"""

from archsim.models.fpga.model import fpga_metrics

__all__ = ["fpga_metrics"]
