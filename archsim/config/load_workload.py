"""The ``workload`` of a run file: one form (model, onnx or op) and its choices."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from archsim.config.paths import find_onnx
from archsim.config.run_file import FORMS, WorkloadChoice
from archsim.config.suggest import hint, near
from archsim.config.vocabulary import Vocabulary
from archsim.config.yaml_strict import Document, Path, Scalar, show
from archsim.errors import ConfigError
from archsim.formats import DTYPES

MAX_BATCH = 1 << 24


def parse_workload(
    document: Document, base: FilePath, vocabulary: Vocabulary | None
) -> WorkloadChoice:
    """Return the workload of the run file ``document``; ONNX paths relate to ``base``."""
    at: Path = ("workload",)
    data = document.data["workload"]
    if not isinstance(data, dict) or not data:
        rule = "a mapping with model, onnx or op"
        raise document.error(at, f"workload must be {rule}, not {show(data)}")
    form = _form(document, at, data)
    head = data[form]
    if not isinstance(head, str) or not head.strip():
        raise document.error((*at, form), f"workload.{form} must be text, not {show(head)}")
    if form == "onnx":
        try:
            head = str(find_onnx(head, base).resolve())
        except ConfigError as error:
            raise document.error((*at, form), str(error)) from None
    elif vocabulary and (problem := vocabulary.check_head(form, head)):
        raise document.error((*at, form), problem)
    choices = {key: value for key, value in data.items() if key != form}
    for key, value in choices.items():
        if problem := choice_problem(form, head, key, value, vocabulary):
            unknown = "must not have the key" in problem
            raise document.error((*at, key), problem, key=unknown)
    return WorkloadChoice(form, head, choices)


def choice_problem(
    form: str, head: str, name: str, value: Any, vocabulary: Vocabulary | None
) -> str | None:
    """Return what is wrong with ``workload.<name>: value``, or None."""
    if isinstance(value, dict | list):
        return f"workload.{name} must be a single value, not {show(value)}"
    if form == "onnx":
        return _onnx_problem(name, value)
    return vocabulary.check_choice(form, head, name, value) if vocabulary else None


def _onnx_problem(name: str, value: Scalar) -> str | None:
    if name == "batch":
        if type(value) is int and 1 <= value <= MAX_BATCH:
            return None
        return f"workload.batch must be an integer from 1 to {MAX_BATCH}, not {show(value)}"
    if name == "dtype":
        if value in DTYPES:
            return None
        sentence = f"workload.dtype must be one of {', '.join(DTYPES)}, not {show(value)}"
        return sentence + near(value, DTYPES)
    known = ("onnx", "batch", "dtype")
    return f"workload must not have the key {show(name)}{hint(name, known)}"


def _form(document: Document, at: Path, data: dict[str, Any]) -> str:
    present = [form for form in FORMS if form in data]
    if not present:
        for key in data:
            if meant := near(key, FORMS):
                sentence = f"workload must not have the key {show(key)}{meant}"
                raise document.error((*at, key), sentence, key=True)
        raise document.error(at, f"workload must have one of the keys {', '.join(FORMS)}")
    if len(present) > 1:
        sentence = f"workload must have only one of the keys {' and '.join(present)}"
        raise document.error((*at, present[1]), sentence, key=True)
    return present[0]
