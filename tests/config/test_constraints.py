"""``constraints`` of a run file: what they accept, what they refuse, and what they do to points."""

from __future__ import annotations

import math

import pytest

from archsim.app.vocabulary import vocabulary
from archsim.config import load_run
from archsim.config.constraint import Constraint, all_kept, from_plain
from archsim.errors import ConfigError

HEAD = """\
workload: {model: deit_tiny_patch16_224, dtype: int8, quantise: all}
device: os_8x8_int8
minimize: [latency_us]
"""


def load(tmp_path, text, overrides=()):
    file = tmp_path / "run.yaml"
    file.write_text(HEAD + text)
    return load_run(file, overrides, vocabulary())


def test_limits_are_read_and_written(tmp_path):
    run = load(tmp_path, "constraints: {dsp: {max: 2520}, fmax_mhz: {min: 200, max: 1e3}}\n")
    assert run.constraints == (Constraint("dsp", None, 2520.0), Constraint("fmax_mhz", 200, 1000))
    assert from_plain({c.metric: c.to_dict() for c in run.constraints}) == run.constraints
    assert [str(c) for c in run.constraints] == ["dsp <= 2520", "200 <= fmax_mhz <= 1000"]
    assert str(Constraint("fmax_mhz", 200.0)) == "fmax_mhz >= 200"
    assert run.digest != load(tmp_path, "").digest
    set_ = load(tmp_path, "", ["constraints={lut: {max: 7}}"])
    assert set_.constraints == (Constraint("lut", None, 7.0),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[dsp]", r"run.yaml:4:14: constraints must be a mapping of metrics to \{min, max\}"),
        ("{}", r"constraints must be a mapping of metrics to"),
        ("{dspp: {max: 1}}", r"run.yaml:4:15: constraints must name metrics of an array, not 'dsp"),
        ("{dsp: 5}", r"run.yaml:4:20: constraints.dsp must be a mapping with min, max or both"),
        ("{dsp: {most: 5}}", r"run.yaml:4:21: constraints.dsp must have no key but min and max"),
        ("{dsp: {max: many}}", r"constraints.dsp.max must be a number, not 'many'"),
        ("{dsp: {max: true}}", r"constraints.dsp.max must be a number, not true"),
        ("{dsp: {max: .nan}}", r"constraints.dsp.max: a number must be finite"),
        ("{dsp: {max: 1" + "0" * 400 + "}}", r"dsp.max: an integer must fit in 64 bits"),
        ("{dsp: {min: 3, max: 2}}", r"constraints.dsp.min must be at most max \(2\), not 3"),
    ],
)
def test_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(tmp_path, f"constraints: {text}\n")


def test_kept_and_by_how_much_not():
    limit = Constraint("x", 10.0, 20.0)
    assert [limit.kept({"x": v}) for v in (9.99, 10.0, 20.0, 20.01)] == [False, True, True, False]
    assert limit.excess({"x": 30.0}) == 0.5
    assert limit.excess({"x": 5.0}) == 0.5
    assert limit.excess({}) == math.inf
    assert Constraint("x", None, 0.3).kept({"x": 0.1 + 0.2})  # rounding is not a broken limit
    assert all_kept((), {})
    assert not all_kept((limit, Constraint("y", 1.0)), {"x": 15.0, "y": 0.0})
