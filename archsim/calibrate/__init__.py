"""Fitting a device's constants to measurements: screening, robust least squares, a new file."""

from archsim.calibrate.fit import Calibration, Fitted, fit
from archsim.calibrate.observation import Observation
from archsim.calibrate.problem import Problem
from archsim.calibrate.screen import candidates, screen

__all__ = [
    "Calibration",
    "Fitted",
    "Observation",
    "Problem",
    "candidates",
    "fit",
    "screen",
]
