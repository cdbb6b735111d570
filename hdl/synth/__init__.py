"""Synthesis of generated engines with open tools: resources, and post-route Fmax on ECP5."""

from hdl.synth.result import SynthError, SynthResult
from hdl.synth.run import synth
from hdl.synth.targets import TARGETS, TOPS

__all__ = ["TARGETS", "TOPS", "SynthError", "SynthResult", "synth"]
