"""Comparison with measurements and published figures, the same for every machine."""

from archsim.validate.cases import Dataset, load_dataset, spec_from_case
from archsim.validate.measured import Validation, validate_measured
from archsim.validate.models import ModelValidation, validate_models
from archsim.validate.published import PublishedValidation, validate_published
from archsim.validate.published_file import load_published
from archsim.validate.roofline import Roofline
from archsim.validate.split import fold, is_check
from archsim.validate.sustained import SustainedValidation, validate_sustained

__all__ = [
    "Dataset",
    "ModelValidation",
    "PublishedValidation",
    "Roofline",
    "SustainedValidation",
    "Validation",
    "fold",
    "is_check",
    "load_dataset",
    "load_published",
    "spec_from_case",
    "validate_measured",
    "validate_models",
    "validate_published",
    "validate_sustained",
]
