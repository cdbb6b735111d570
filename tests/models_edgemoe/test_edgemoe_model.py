"""The Edge-MoE model: laws of its units, weights loaded ahead, techniques, published figures."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest

from archsim.app.running import evaluate_run
from archsim.config import load_device
from archsim.config.edgemoe_layout import Layout
from archsim.engine.hot import LISTS
from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.mapping.edgemoe import Phase, attention_steps, lower
from archsim.mapping.edgemoe_steps import step_list
from archsim.metrics.checks import check_point
from archsim.models.edgemoe import EdgeMoeModel
from archsim.models.edgemoe.controller import Bus, predict
from archsim.models.edgemoe.pricing import PARTS, Priced, timed
from archsim.models.edgemoe.resources import brams, dsp, dsp_of, resources
from archsim.models.edgemoe.sums import Walked, empty
from archsim.models.edgemoe.timing import Channels, Runs, columns, priced
from archsim.models.edgemoe.trace import timeline
from archsim.validate import validate_published
from workloads.models import build
from workloads.models.m3vit import histogram

TECHNIQUES = (
    "reordered_attention", "unified_linear", "gelu_table", "single_pass_softmax",
    "expert_by_expert",
)  # fmt: skip
PUBLISHED = Path(__file__).parents[2] / "configs" / "published" / "edge_moe.yaml"


@pytest.fixture(scope="module")
def graph():
    return build("m3vit")


def device(*overrides, name="edgemoe_zcu102"):
    return load_device(name, list(overrides))


def cycles(graph, *overrides, name="edgemoe_zcu102"):
    model = EdgeMoeModel(device(*overrides, name=name))
    return sum(phase.cycles.total for phase in model.timed(graph))


def run(made, phases):
    """The cycles of phases, an operator each."""
    channels = Channels(made, 1.0)
    spent, loads = columns(made, phases, channels, LISTS)
    numbers = list(range(len(phases)))
    each = [[0] * len(phases), [0] * len(phases), [0.0] * len(phases)]
    walked, sums = Walked(*each), empty(LISTS, len(phases))
    runs = Runs(numbers, [*numbers, len(phases)], numbers)
    count = priced(runs, loads, channels.loader, [0] * len(phases), walked, spent, numbers, sums)
    return [p.cycles for p in timed(Priced(LISTS, count, walked, spent, sums))]


def steps_by_hand(tokens, p):
    """Walk the published loop: slot o takes a new query when key o passes."""
    keys, query, done, left = 0, [None] * p, {}, tokens
    waiting = list(range(tokens))
    while left:
        key = keys % tokens
        if key < p and waiting and (query[key] is None):
            query[key] = waiting.pop(0)
        for slot, held in enumerate(query):
            if held is not None:
                done[held] = done.get(held, 0) + 1
                if done[held] == tokens:
                    left -= 1
                    query[slot] = None
        keys += 1
    return keys


@pytest.mark.parametrize(
    ("tokens", "p"), [(129, 1), (129, 3), (129, 4), (129, 43), (16, 4), (17, 8)]
)
def test_attention_steps_are_those_of_the_loop(tokens, p):
    steps, loaded = attention_steps(device(f"attention.queries={p}"), tokens)
    assert steps == steps_by_hand(tokens, p)
    assert loaded == steps + tokens
    if tokens % p == 0:
        assert steps == tokens * tokens // p + p - 1
    plain = device(f"attention.queries={p}", "techniques.reordered_attention=false")
    assert attention_steps(plain, tokens) == (tokens * math.ceil(tokens / p), tokens**2 + tokens)


def test_every_answer_is_checked_and_adds_up(graph):
    for name in ("edgemoe_zcu102", "edgemoe_fast"):
        result = EdgeMoeModel(device(name=name)).evaluate(graph)
        check_point(result)
        total = sum(op.count * op.us for op in result.operators)
        assert total == pytest.approx(result.metrics["latency_us"])
        assert result.metrics["bound_cycles"] <= result.metrics["cycles"]
        assert set(result.metrics) >= {"lut", "dsp", "attention_steps"}


def test_published_figures_are_met():
    validation = validate_published(PUBLISHED, evaluate_run)
    assert validation.exit_code == 0
    verdicts = {r.spec.id: r.verdict for r in validation.rows}
    calibrated = {k for k, v in verdicts.items() if v == "calibrated"}
    assert calibrated == {
        "step_unified_linear", "step_gelu_table", "step_expert_by_expert", "a6000_latency",
        "cpu_latency",
    }  # fmt: skip
    assert sum(r.spec.counted for r in validation.rows) == 16


@pytest.mark.parametrize("name", TECHNIQUES)
def test_each_technique_alone_saves_time(graph, name):
    assert cycles(graph, f"techniques.{name}=false") > 1.01 * cycles(graph)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("memory.bandwidth_bytes_per_s", (4.8e9, 7.2e9, 9.6e9, 14.4e9)),
        ("memory.channels", (5, 6, 9)),
        ("linear.weight_bytes", (1179648, 1769472, 2359296)),
        ("attention.lanes", (8, 16, 32)),
        ("vector.words", (1, 2, 4)),
    ],
)
def test_more_is_never_slower(graph, path, values):
    for name in ("edgemoe_zcu102", "edgemoe_fast"):
        found = [cycles(graph, f"{path}={value}", name=name) for value in values]
        assert found == sorted(found, reverse=True)
    dear = cycles(graph, "memory.burst_overhead_clk=20")
    assert dear > cycles(graph)


def test_dense_linear_layers_keep_the_unit_busy(graph):
    for phase in EdgeMoeModel(device()).timed(graph):
        if phase.unit == "linear" and phase.narrow > 129 * 192 * 192:
            assert phase.narrow / 256 >= 0.95 * phase.cycles.total


@pytest.mark.parametrize("routing", ["balanced", "zipf", "one"])
@pytest.mark.parametrize("name", ["edgemoe_zcu102", "edgemoe_fast"])
def test_moe_layers_stay_near_the_larger_of_compute_and_weights(routing, name):
    made = device(name=name)
    graph = build("m3vit", routing=routing)
    ran = EdgeMoeModel(made).timed(graph)
    cut = [lower(graph, made, tiles) for tiles in PARTS]
    ways = [(p, run(made, p)) for p in cut] if name == "edgemoe_zcu102" else []
    weights = [0] * len(ran)  # those of the controller's steps hide behind what it computes
    if ways:
        phases, cycles = min(ways, key=lambda way: sum(c.total for c in way[1]))
        assert [p.cycles for p in ran] == cycles
        weights = [p.weights for p in phases]
    first = next(i for i, p in enumerate(ran) if p.unit == "expert")
    last = next(i for i, p in enumerate(ran) if p.unit == "zero" and i > first) if ways else None
    layer = list(zip(ran, weights, strict=True))[first:last]
    word = made.memory.word_bytes
    rate = min(
        made.memory.weight_channels / 2.5 * word,
        float(made.memory.bandwidth_bytes_per_s) / float(made.clock.frequency_hz),
    )
    load = sum(words for _, words in layer) * word / rate
    compute = sum(p.cycles.compute for p, _ in layer)
    # layer by layer, so that a short one does not hide the load of the next
    pairs = zip(layer, layer[1:] + layer[-1:], strict=True)
    bound = sum(max(p.cycles.compute, words * word / rate) for (p, _), (_, words) in pairs)
    total = sum(p.cycles.total for p, _ in layer)
    assert max(compute, load) * 0.6 <= total <= 1.05 * bound + 96 * len(layer)


def test_weights_wait_for_a_free_buffer():
    made = device("memory.burst_overhead_clk=0", "memory.latency_clk=0")
    layer = {"unit": "linear", "compute": 100}
    phases = [Phase(op=0, weights=40, **layer), Phase(op=1, weights=90, **layer)]
    first, second = run(made, phases)
    assert (first.weights, second.weights) == (80.0, 80.0)  # 40 words of 2 cycles; 90 * 2 - 100
    phases.insert(1, Phase(op=2, unit="norm", compute=70))
    assert [c.weights for c in run(made, phases)] == [80.0, 0.0, 10.0]
    awaited = Phase(op=0, weights=40, awaited=True, repeat=3, **layer)
    (found,) = run(made, [awaited])
    assert (found.weights, found.compute) == (240.0, 300.0)


def test_library_functions_add_up_one_by_one(graph):
    off = device("techniques.gelu_table=false")
    calls = 6 * 129 * 768 + 6 * 258 * 384
    assert sum(p.calls for p in lower(graph, off)) == calls
    more = cycles(graph, "techniques.gelu_table=false") - cycles(graph)
    assert 0.95 * 36 * calls < more <= 36 * calls  # weights are loaded meanwhile


def test_products_cost_what_the_dsp_blocks_hold():
    assert (dsp_of(32, 32), dsp_of(32, 16), dsp_of(16, 9), dsp_of(27, 18)) == (4, 2, 1, 1)
    parts = dsp(device())
    assert (parts["linear"], parts["attention"], parts["embed"]) == (512, 256, 256)
    assert dsp(device("attention.shared=true"))["attention"] == 128
    assert brams(device())["weights"] == 171.0  # 57 blocks of 72 bits wide, 3 of 512 deep


def test_the_fast_design_fits_and_takes_at_most_10_ms(graph):
    fast = device(name="edgemoe_fast")
    assert EdgeMoeModel(fast).evaluate(graph).metrics["latency_us"] <= 10_000
    assert float(fast.memory.bandwidth_bytes_per_s) <= 9.6e9
    assert resources(fast)["fill"] <= 0.8


@pytest.mark.parametrize("routing", ["balanced", "zipf", "one"])
def test_experts_take_what_compute_or_weights_need(routing):
    """Within 5 % of the larger of the engine's cycles and those of loading the weights."""
    fast = device(name="edgemoe_fast")
    found = step_list(build("m3vit", routing=routing), fast)
    fields = [f for _, f in found.steps]
    rate = float(fast.memory.bandwidth_bytes_per_s) / float(fast.clock.frequency_hz)
    beats = rate / Layout(fast.params).port_bytes
    predicted = predict(fast.params, fields, found.routings, Bus(64, beats))
    load, gates = 0.0, -1
    for f in fields:
        gates += f.get("gate", 0)
        if f.get("gather") or f.get("scatter"):
            load += f["beats"] / beats if found.routings[gates][f["expert"]] else 0.0
    assert predicted.units["expert"] <= 1.05 * max(predicted.bounds["expert"], load)


def test_routings_place_every_token():
    assert histogram("balanced", 0, 129, 16, 2) == (17, 17) + (16,) * 14
    assert histogram("one", 0, 129, 16, 2)[:3] == (129, 129, 0)
    skewed = histogram("zipf", 0, 129, 16, 2)
    assert sum(skewed) == 258
    assert list(skewed) == sorted(skewed, reverse=True)
    assert histogram("3-1/2-2", 3, 4, 2, 1) == (2, 2)
    with pytest.raises(ValueError, match=r"routing must have 2 numbers up to 4 with the sum 4"):
        histogram("3-2", 0, 4, 2, 1)
    with pytest.raises(ValueError, match=r"routing must be one of balanced, zipf, one, not 'x'"):
        build("m3vit", routing="x")
    named = {op.name for op in build("m3vit", depth=2, routing="one").ops}
    assert "blocks.1.experts.1.fc2" in named
    assert "blocks.1.experts.2.fc1" not in named


def test_small_m3vit_runs_on_its_own_device():
    overrides = (
        "encoder.dim=384",
        "encoder.heads=12",
        "encoder.mlp_hidden=1536",
        "encoder.top_k=4",
    )
    small = build("m3vit", size="small", top_k=4)
    assert cycles(small, *overrides) > 2 * cycles(build("m3vit"))
    with pytest.raises(UnsupportedOperatorError, match=r"\(129, 192, 3\), not \(129, 384, 12\)"):
        cycles(small)
    with pytest.raises(
        UnsupportedOperatorError, match="gelu or a sum of two on this machine, not 'relu'"
    ):
        cycles(build("resnet18"))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("encoder.heads=5", "device.encoder.dim must be a multiple of heads (5), not 192"),
        ("linear.tile_in=7", "device.encoder.dim must be a multiple of tile_in (7), not 192"),
        ("linear.weight_bytes=9", "device.linear.weight_bytes must be at least 49152"),
        ("memory.weight_channels=5", "device.memory.weight_channels must be below channels (5)"),
        ("memory.word_bytes=6", "device.memory.word_bytes must be a multiple of 4"),
        ("encoder.image_width=4096", "device.encoder must be such that tokens is at most 1023"),
        ("formats.weight_integer_bits=-8", "device.formats.weight_bits must"),
        ("attention.queries=0", "device.attention.queries must be"),
    ],
)
def test_bad_devices_are_refused_in_one_sentence(override, words):
    with pytest.raises(ConfigError) as caught:
        device(override)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["edgemoe_zcu102", "edgemoe_fast"])
def test_the_timeline_tiles_the_image(graph, name):
    model = EdgeMoeModel(device(name=name))
    found = timeline(model, graph)
    works = [piece for piece in found.slices if piece.track != "operators"]
    total = sum(phase.cycles.total for phase in model.timed(graph))
    assert sum(piece.args["cycles"] for piece in works) == pytest.approx(total)
    assert found.untiled_us() < 1e-6
    for before, after in pairwise(works):
        assert after.start_us == pytest.approx(before.end_us)
