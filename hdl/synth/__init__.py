"""Synthesis of generated RTL with open tools: FPGA resources, Fmax on ECP5, standard cells."""

from hdl.synth.asic import AsicResult, synth_asic
from hdl.synth.result import SynthError, SynthResult
from hdl.synth.run import synth
from hdl.synth.targets import TARGETS, TOPS

__all__ = ["TARGETS", "TOPS", "AsicResult", "SynthError", "SynthResult", "synth", "synth_asic"]
