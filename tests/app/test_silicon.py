"""``measure`` and ``calibrate`` as a user meets them."""

import json
import sys

import numpy as np
import pytest

from archsim.cli import main
from archsim.config import load_device
from archsim.config.paths import configs_dir
from workloads import measured

DATA = str(measured.path("h200_kernels"))
PUBLISHED = str(configs_dir() / "published" / "hopper.yaml")


def fails(arguments, capsys, *words):
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0, error
    for word in words:
        assert word in error


@pytest.fixture
def no_gpu(monkeypatch):
    import workloads.measure
    from workloads.measure import NoGpuError

    def refuse(*_):
        raise NoGpuError("measuring must have an NVIDIA GPU and its driver, but CUDA finds none")

    monkeypatch.setattr(workloads.measure, "main", refuse)


def test_measuring_without_a_gpu_is_one_sentence(tmp_path, capsys, no_gpu):
    arguments = ["measure", "--suite", "operators", "--output", str(tmp_path / "x.json")]
    fails(arguments, capsys, "must have an NVIDIA GPU")


def test_golden_vectors_without_a_gpu_are_one_sentence(tmp_path, capsys, monkeypatch):
    cuda = pytest.importorskip("numba.cuda")
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    monkeypatch.setattr("numba.config.ENABLE_CUDASIM", 0)
    fails(["measure", "--golden", str(tmp_path)], capsys, "must have an NVIDIA GPU")
    assert not list(tmp_path.iterdir())


def test_suites_go_to_a_file_or_a_folder(tmp_path, capsys, monkeypatch):
    import workloads.measure

    asked = []

    def record(names, output, budget):
        asked.append((list(names), output, budget))
        return [output]

    monkeypatch.setattr(workloads.measure, "main", record)
    file = str(tmp_path / "x.json")
    assert main(["measure", "--suite", "micro", "--output", file, "--budget", "9"]) == 0
    assert main(["measure", "--suite", "micro, models", "--output", str(tmp_path)]) == 0
    assert main(["measure", "--suite", "micro", "--output", str(tmp_path)]) == 0
    assert asked == [
        (["micro"], tmp_path / "x.json", 9.0),
        (["micro", "models"], tmp_path, 600.0),
        (["micro"], tmp_path / "micro.json", 600.0),
    ]
    assert file in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one of --output and --golden, not neither"),
        (["--output", "a.json", "--golden", "b"], "not both"),
        (["--suite", "bogus", "--output", "a.json"], "not 'bogus'"),
        (["--suite", "micro,micro", "--output", "a"], "each suite once"),
        (["--suite", "micro,models", "--output", DATA], "must be a folder for several suites"),
    ],
)
def test_wrong_options_of_measure(arguments, words, capsys):
    fails(["measure", *arguments], capsys, words)


def test_published_figures_calibrate_a_device_that_loads(tmp_path, capsys):
    out, answer = tmp_path / "my_a100.yaml", tmp_path / "fit.json"
    arguments = ["calibrate", PUBLISHED, "--device", "a100_pcie", "--output", str(out)]
    named = ["--constant", "memory.read_fraction", "--json", str(answer)]
    assert main([*arguments, *named]) == 0
    device, base = load_device(str(out)), load_device("a100_pcie")
    constant = device.memory.read_fraction
    assert device.name == "my_a100"
    assert constant.basis == "calibrated"
    assert constant.source.startswith("hopper.yaml")
    assert constant.uncertainty > 0
    assert device.memory.write_fraction == base.memory.write_fraction
    (fitted,) = json.loads(answer.read_text())["constants"]
    assert constant.value == pytest.approx(fitted["value"], rel=1e-3)
    assert np.isfinite(fitted["uncertainty"])
    assert "as many constants as times" in " ".join(capsys.readouterr().out.split())


def test_a_dataset_calibrates_few_constants_with_its_date(tmp_path, capsys):
    out = tmp_path / "mine.yaml"
    data = str(measured.path("h200_reference"))
    arguments = ["calibrate", data, "--device", "h200", "--output", str(out), "--most", "2"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "check half" in printed
    text = out.read_text()
    assert text.count("archsim calibrate: robust least squares") == 2
    assert "h200_reference.json of 2026-11-23" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([DATA, "--device", "nothing", "--output", "x.yaml"], "nothing"),
        ([DATA, "--device", "os_4x4_int8", "--output", "x.yaml"], "must be a GPU"),
        ([DATA, "--device", "h200", "--output", "x.txt"], "must be a .yaml file"),
        (["/nowhere.json", "--device", "h200", "--output", "x.yaml"], "/nowhere.json"),
        ([PUBLISHED, "--device", "v100_sxm", "--output", "x.yaml"], "'v100_sxm'"),
        ([DATA, "--device", "h200", "--output", "x.yaml", "--constant", "sm_count"], "sm_count"),
    ],
)
def test_wrong_input_of_calibrate(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails(["calibrate", *arguments], capsys, words)
    assert not list(tmp_path.iterdir())


def test_without_scipy_calibrate_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    out = str(tmp_path / "x.yaml")
    fails(["calibrate", PUBLISHED, "--device", "h800_pcie", "--output", out], capsys, "[calibrate]")


def test_the_base_is_never_overwritten(tmp_path, capsys):
    base = tmp_path / "base.yaml"
    text = (configs_dir() / "devices" / "h200.yaml").read_text()
    base.write_text(text)
    arguments = ["calibrate", DATA, "--device", str(base), "--output", str(base)]
    fails(arguments, capsys, "must be another file than --device")
    assert base.read_text() == text
