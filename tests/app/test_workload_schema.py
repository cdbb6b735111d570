"""The run schema's workloads: as strict as the loader, for every model and every choice."""

import jschon
import pytest

from archsim.app.vocabulary import vocabulary
from archsim.config.paths import run_files
from archsim.config.schema_workload import workload_schema
from archsim.config.yaml_strict import read_document
from workloads import models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jschon on rfc3986


@pytest.fixture(scope="module")
def valid():
    jschon.create_catalog("2020-12")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    checker = jschon.JSONSchema(schema | workload_schema(vocabulary()))
    assert checker.validate().valid
    return lambda data: bool(checker.evaluate(jschon.JSON(data)).valid)


def values(choice):
    """Values at both sides of a choice's rule, and of other kinds."""
    edges = [choice.minimum - 1, choice.minimum, choice.maximum, choice.maximum + 1]
    return [*choice.options, *edges, True, "fp61", "3-0/1", "x3-0", "", None]


def test_every_choice_of_every_model_is_judged_as_the_loader_does(valid):
    known, seen = vocabulary(), set()
    for model in models.names():
        for name, choice in models.choices(model).items():
            if (name, repr(choice)) in seen:
                continue
            seen.add((name, repr(choice)))
            for value in values(choice):
                refused = known.check_choice("model", model, name, value)
                assert valid({"model": model, name: value}) == (refused is None), (model, value)
        assert valid({"model": model}) and not valid({"model": model, "bach": 1})


def test_operators_have_their_fields_only(valid):
    for kind, fields in vocabulary().operators.items():
        assert valid({"op": kind, **dict.fromkeys(fields, 1)})
        assert not valid({"op": kind, "colour": 1})
    assert not valid({"op": "gem"})
    assert not valid({"onnx": "a.onnx", "dtype": "fp61"})
    assert valid({"onnx": "a.onnx", "dtype": "fp16", "batch": 2})


def test_shipped_run_files_pass(valid):
    for file in run_files().values():
        assert valid(read_document(file).data["workload"]), file
