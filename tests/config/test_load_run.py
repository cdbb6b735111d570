"""Run files: what a good one resolves to, and that contexts rebuild the same design."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.config import (
    Design,
    RunFile,
    Vocabulary,
    digest,
    is_device_file,
    load_device,
    load_run,
)
from archsim.config.paths import configs_dir, device_files, find_device, is_name, run_files
from archsim.errors import ArchsimError, ConfigError, UnsupportedOperatorError

RUN = """\
name: small
workload: {model: toy, batch: 2, dtype: fp16}
device: h200
sweep:
  workload.batch: [1, 8]
  device.sm_count: {start: 66, stop: 132, num: 2}
minimize: [energy_j]
"""


class Count:
    """The rule of a choice: a positive integer."""

    def check(self, name: str, value: object) -> None:
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} must be an integer above 0, not {value!r}")


def words(build: object = None) -> Vocabulary:
    return Vocabulary(
        models=("toy", "tiny"),
        choices=lambda model: {"batch": Count(), **({"seq": Count()} if model == "tiny" else {})},
        operators={"gemm": ("m", "n", "k")},
        metrics={"gpu": ("latency_us", "energy_j")},
        build=build,  # type: ignore[arg-type]
    )


@pytest.fixture
def write(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RUN)
    return tmp_path / "r.yaml"


def test_a_run_file_resolves(write: Path) -> None:
    run = load_run(write)
    assert isinstance(run, RunFile)
    assert run.name == "small"
    assert run.workload.to_dict() == {"model": "toy", "batch": 2, "dtype": "fp16"}
    assert run.device == load_device("h200")
    assert run.minimize == ("energy_j",)
    assert run.execution == "graph"
    assert [tuple(p.values()) for p in run.sweep.points()] == [(1, 66), (1, 132), (8, 66), (8, 132)]


def test_a_point_has_its_values(write: Path) -> None:
    run = load_run(write)
    point = run.point({"workload.batch": 8, "device.sm_count": 66})
    assert point.workload == {"model": "toy", "batch": 8, "dtype": "fp16"}
    constant = dict(point.device.constants())["sm_count"]
    assert (constant.value, constant.basis, constant.source) == (66, "chosen", "sweep")
    with pytest.raises(ConfigError, match="must start with workload"):
        run.point({"sm_count": 1})


def test_overrides_reach_workload_device_and_top_level(write: Path) -> None:
    write.write_text("workload: {model: toy}\ndevice: h200\n")
    run = load_run(
        write,
        ["workload.batch=4", "device.sm_count=66", "device=h100_sxm", "minimize=[energy_j]",
         "name=other", "execution=eager"],
    )  # fmt: skip
    assert run.workload.choices == {"batch": 4}
    assert run.device.name == "h100_sxm"
    assert dict(run.device.constants())["sm_count"].value == 66
    assert (run.name, run.execution, run.minimize) == ("other", "eager", ("energy_j",))
    same = load_run(write, {"workload.batch": 4, "device.sm_count": 66, "device": "h100_sxm"})
    assert same.device == run.device


def test_a_context_rebuilds_the_design(write: Path) -> None:
    write.write_text(RUN.replace("device.sm_count: {start: 66, stop: 132, num: 2}",
                                 "device: [h200, h100_sxm]"))  # fmt: skip
    run = load_run(write)
    context = run.context()
    again = Design.from_context(json.loads(json.dumps(context)))
    assert again.context() == context
    values = {"device": "h100_sxm", "workload.batch": 1}
    assert again.point(values) == run.point(values)
    assert run.point(values).device.name == "h100_sxm"


def test_digests_tell_designs_apart(write: Path) -> None:
    base = load_run(write).digest
    assert load_run(write).digest == base
    assert load_run(write, ["name=other"]).digest == base
    for change in ("workload.dtype=bf16", "device=h100_sxm", "minimize=[latency_us]",
                   "execution=eager", "device.l2.partitions=1"):  # fmt: skip
        assert load_run(write, [change]).digest != base, change


def test_digests_do_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": (1, 2), "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": float("nan")})


def test_an_inline_device_equals_its_file(tmp_path: Path) -> None:
    text = find_device("h200").read_text()
    inner = "\n".join(f"  {line}" for line in text.splitlines())
    (tmp_path / "r.yaml").write_text(f"workload: {{model: toy}}\ndevice:\n{inner}\n")
    assert load_run(tmp_path / "r.yaml").device == load_device("h200")


def test_an_error_in_an_inline_device_names_its_place(tmp_path: Path) -> None:
    text = find_device("h200").read_text().replace("sm_count: {value: 132,", "sm_count: {value: x,")
    (tmp_path / "d.yaml").write_text(text)
    line = text.splitlines().index(next(t for t in text.splitlines() if "sm_count: " in t)) + 1
    with pytest.raises(ConfigError) as caught:
        load_device(tmp_path / "d.yaml")
    words = "device.sm_count.value must be an integer from 1 to 4096, not 'x'"
    assert str(caught.value) == f"{tmp_path / 'd.yaml'}:{line}:19: {words}"


def test_a_device_file_is_found_beside_the_run_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(find_device("h200").read_text())
    (tmp_path / "r.yaml").write_text("workload: {model: toy}\ndevice: mine.yaml\n")
    assert load_run(tmp_path / "r.yaml").device == load_device("h200")
    assert is_device_file(tmp_path / "mine.yaml")
    assert not is_device_file(tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("model: toy", "model: toi", "r.yaml:2:19: workload.model must be one of the 2"),
        ("batch: 2, dtype: fp16", "batch: 0", "2:31: workload.batch must be an integer above 0"),
        (", dtype: fp16", ", dtyp: fp16", "2:34: workload of toy must not have the key 'dtyp'"),
        ("[1, 8]", "[1, many]", "r.yaml:5:23: workload.batch must be an integer above 0"),
        ("workload.batch:", "workload.model: [toy, tny]\n  workload.batch:", "mean 'tiny'?"),
        ("workload.batch:", "workload.seq: [4]\n  workload.batch:", "the key 'seq'"),
        (
            "[energy_j]",
            "[enrgy_j]",
            "7:12: minimize must name metrics of a gpu, not 'enrgy_j'; did",
        ),
    ],
)
def test_names_are_checked_against_the_vocabulary(
    write: Path, old: str, new: str, sentence: str
) -> None:
    text = RUN.replace(", dtype: fp16", "") if "dtyp" not in new and "dtype" not in old else RUN
    write.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_run(write, (), words())
    assert sentence in str(caught.value)


def test_the_first_point_is_built_before_a_run(write: Path) -> None:
    built: list[object] = []
    write.write_text(RUN.replace(", dtype: fp16", ""))
    load_run(write, (), words(built.append))
    assert built == [{"model": "toy", "batch": 1}]

    def fail(workload: object) -> None:
        raise UnsupportedOperatorError("Einsum must be imported")

    with pytest.raises(UnsupportedOperatorError, match=r"r.yaml:2:11: Einsum must be imported"):
        load_run(write, (), words(fail))


def test_large_sweeps_need_yes(write: Path) -> None:
    write.write_text(RUN.replace("[1, 8]", "{start: 1, stop: 6000, step: 1}"))
    run = load_run(write)
    run.confirm_size(yes=True)
    with pytest.raises(ConfigError, match=r"r.yaml:5:3: sweep must have at most 10000 points"):
        run.confirm_size()
    run.confirm_size(limit=12_000)


def test_every_shipped_file_loads() -> None:
    for name in device_files():
        assert load_device(name).name == name.rpartition("/")[2]
    for file in run_files().values():
        assert load_run(file).sweep.count >= 1


def test_shipped_files_are_found() -> None:
    assert (configs_dir() / "quickstart.yaml").is_file()
    assert {"h200", "h100_sxm"} <= set(device_files())
    assert {"ngpc/small", "edgemoe/small"} <= set(device_files())  # two files of one name
    with pytest.raises(ConfigError, match="did you mean 'h200'"):
        find_device("H_200")


@pytest.mark.parametrize("text", ["a", "h200", "vit-b_16.x", "0"])
def test_safe_names(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\\b", "../x", "a\n", "-x", "a..b", "é"])
def test_unsafe_names(text: str) -> None:
    assert not is_name(text)


def test_errors_share_one_base() -> None:
    assert issubclass(ConfigError, ArchsimError)
    assert ConfigError.exit_code == 2
