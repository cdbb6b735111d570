"""Comparison with measurements and published figures, the same for every machine."""

from archsim.validate.cases import Dataset, load_dataset, spec_from_case
from archsim.validate.measured import Roofline, Validation, validate_measured
from archsim.validate.models import ModelValidation, validate_models
from archsim.validate.split import fold, is_check
from archsim.validate.sustained import SustainedValidation, validate_sustained

__all__ = [
    "Dataset",
    "ModelValidation",
    "Roofline",
    "SustainedValidation",
    "Validation",
    "fold",
    "is_check",
    "load_dataset",
    "spec_from_case",
    "validate_measured",
    "validate_models",
    "validate_sustained",
]
