"""The whole encoder: error against float64, routings, techniques, and the trained model's tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archsim.config.edgemoe_params import M3VIT_TINY, TRAINED, EdgeMoeFormats, Techniques
from archsim.formats import FixedFormat
from archsim.functional.edgemoe import Block, Encoder, FloatEncoder, draw, errors, quantise
from archsim.functional.edgemoe.routing import route
from archsim.functional.edgemoe.weights import Weights, shapes, to_fixed, to_float
from workloads.trained import HEADS, load
from workloads.trained.scenes import CLASSES, draw_scene

UNSEEN = range(2_000_000, 2_000_012)


def pixels_of(params, seed):
    shape = (params.channels, params.image_height, params.image_width)
    return np.random.default_rng(seed).integers(0, 256, shape)


def by_patch(cells):
    rows, columns = cells.shape
    return cells.reshape(rows // 2, 2, columns // 2, 2).swapaxes(1, 2).reshape(-1, 4)


def head(weights, tokens, name):
    found = tokens[1:] @ weights[f"head.{name}.weight"].T + weights[f"head.{name}.bias"]
    return found.reshape(len(found), 4, -1)


def metrics(weights, run):
    """Mean accuracy of the classes and root mean square error of the nearness."""
    right, square = [], []
    for seed in UNSEEN:
        scene = draw_scene(seed)
        classes = head(weights, run(scene.pixels, HEADS["classes"]), "classes").argmax(axis=-1)
        right.append((classes == by_patch(scene.classes)).mean())
        near = head(weights, run(scene.pixels, HEADS["nearness"]), "nearness")[..., 0]
        square.append(((near - by_patch(scene.nearness)) ** 2).mean())
    return float(np.mean(right)), float(np.mean(square)) ** 0.5


@pytest.fixture(scope="module")
def trained():
    floats = load()
    return floats, quantise(TRAINED, floats)


@pytest.mark.parametrize("task", [0, 1])
def test_the_trained_model_keeps_40_db_and_its_experts(trained, task):
    found = [
        errors(TRAINED, *trained, draw_scene(seed).pixels.astype(np.int64), task)
        for seed in list(UNSEEN)[:6]
    ]
    agree = [v for f in found for k, v in f.items() if k.endswith("gate.experts")]
    outputs = [v for f in found for k, v in f.items() if k.endswith(".output")]
    assert np.mean(agree) >= 0.99
    assert np.median(outputs) >= 40


def test_the_trained_model_keeps_its_task_metrics(trained):
    floats, integers = trained
    exact = metrics(floats, FloatEncoder(TRAINED, floats))
    encoder = Encoder(TRAINED, integers)
    found = metrics(floats, lambda x, task: encoder(x.astype(np.int64), task) * 2.0**-22)
    assert exact[0] > 0.9
    assert exact[1] < 0.15
    assert found == pytest.approx(exact, rel=0.005)


def test_scenes_have_every_class_and_repeat():
    scenes = [draw_scene(seed) for seed in range(40)]
    assert set(np.concatenate([s.classes.ravel() for s in scenes])) == set(range(len(CLASSES)))
    again = draw_scene(3)
    assert (again.pixels == scenes[3].pixels).all()
    assert scenes[3].nearness.min() >= 0
    assert scenes[3].nearness.max() <= 1


@pytest.mark.parametrize("name", ["single_pass_softmax", "gelu_table", "reordered_attention"])
def test_each_technique_changes_bits_but_not_the_answer(name):
    floats = draw(TRAINED, 3)
    off = replace(TRAINED, techniques=Techniques(**{name: False}))
    weights, pixels = quantise(TRAINED, floats), pixels_of(TRAINED, 1)
    on, other = Encoder(TRAINED, weights)(pixels), Encoder(off, weights)(pixels)
    assert (on != other).any()
    exact = FloatEncoder(TRAINED, floats)(pixels)
    for found in (on, other):
        noise = ((found * 2.0**-22 - exact) ** 2).sum()
        assert 10 * np.log10((exact**2).sum() / noise) > 40


def test_tasks_choose_other_experts_and_share_all_weights():
    weights = quantise(TRAINED, draw(TRAINED, 4))
    seen = {0: {}, 1: {}}
    for task, found in seen.items():
        Encoder(TRAINED, weights)(pixels_of(TRAINED, 2), task, found.__setitem__)
    assert (seen[0]["blocks.1.norm2"] == seen[1]["blocks.1.norm2"]).all()
    assert (seen[0]["blocks.1.gate.experts"] != seen[1]["blocks.1.gate.experts"]).any()


@pytest.mark.parametrize("spread", ["all to one", "one without", "every second"])
def test_expert_by_expert_equals_token_by_token(spread):
    p = TRAINED
    weights = quantise(p, draw(p, 5)).block(1)
    rng = np.random.default_rng(6)
    x = rng.integers(-(1 << 23), 1 << 23, (p.tokens, p.dim))
    experts = {
        "all to one": np.tile([3, 6], (p.tokens, 1)),
        "one without": np.stack([rng.permutation(7)[:2] for _ in range(p.tokens)]),
        "every second": np.arange(p.tokens)[:, None] % 2 * 2 + np.array([0, 4]),
    }[spread]
    scores = rng.integers(0, 1 << 22, experts.shape)
    block = Block(p)
    found = block.accumulate(x, route(experts, scores), weights)
    for token in range(0, p.tokens, 5):
        total = 0
        for expert, score in zip(experts[token], scores[token], strict=True):
            total = total + (block.mlp(x[token : token + 1], weights, int(expert)) * score >> 22)
        assert (found[token] == (total + (1 << 31)) % (1 << 32) - (1 << 31)).all()


@pytest.mark.parametrize(("bits", "fraction", "db"), [(8, 8, 20), (4, 4, -20)])
def test_narrow_weights_cost_accuracy(trained, bits, fraction, db):
    formats = EdgeMoeFormats(weight=FixedFormat(bits, fraction))
    narrow = replace(TRAINED, formats=formats)
    pixels = draw_scene(7).pixels.astype(np.int64)
    found = errors(narrow, trained[0], quantise(narrow, trained[0]), pixels, 0)
    wide = errors(TRAINED, *trained, pixels, 0)
    assert db < found["blocks.0.output"] < wide["blocks.0.output"]


def test_weights_round_saturate_and_say_what_is_wrong():
    form = FixedFormat(4, 2)
    assert to_fixed(np.array([0.125, 0.375, 9.0, -9.0]), form).tolist() == [0, 2, 7, -8]
    floats = draw(TRAINED, 1)
    bad = Weights({**floats.arrays, "patch.bias": np.zeros(3)})
    with pytest.raises(ValueError, match=r"patch.bias must have shape \(64,\), not \(3,\)"):
        quantise(TRAINED, bad)
    back = to_float(TRAINED, quantise(TRAINED, floats))
    assert set(back.arrays) == set(shapes(TRAINED))
    assert np.abs(back["blocks.0.query.weight"] - floats["blocks.0.query.weight"]).max() < 2**-14


@pytest.mark.slow
@pytest.mark.parametrize("task", [0, 1])
def test_full_size_keeps_40_db(task):
    floats = draw(M3VIT_TINY, 1)
    found = errors(M3VIT_TINY, floats, quantise(M3VIT_TINY, floats), pixels_of(M3VIT_TINY, 3), task)
    assert found["blocks.11.output"] >= 40
    agree = [v for k, v in found.items() if k.endswith("gate.experts")]
    assert len(agree) == 6
    assert np.mean(agree) >= 0.99
