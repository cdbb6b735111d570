"""Launch files of ``archsim kernel``: what they say is launched, what is wrong is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from archsim.app.kernel_cases import KernelCase, kernel_cases
from archsim.cli import main
from archsim.errors import ArchsimError
from archsim.frontend.toolchain import assemble, disassemble
from archsim.models.gpu.sm.execute import run

PTX = """.version 8.0
.target sm_90
.address_size 64
.visible .entry scale(.param .f32 a, .param .u64 x, .param .u64 y, .param .align 4 .b8 n[8])
{
 .reg .pred %p1; .reg .f32 %f<5>; .reg .b32 %r<7>; .reg .b64 %d<6>;
 ld.param.f32 %f1, [a]; ld.param.u64 %d1, [x]; ld.param.u64 %d2, [y]; ld.param.u32 %r1, [n+4];
 mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x; mad.lo.s32 %r5, %r2, %r3, %r4;
 setp.ge.u32 %p1, %r5, %r1; @%p1 bra DONE;
 mul.wide.u32 %d3, %r5, 4; add.s64 %d4, %d1, %d3; add.s64 %d5, %d2, %d3;
 ld.global.f32 %f2, [%d4]; ld.global.f32 %f3, [%d5];
 fma.rn.f32 %f4, %f1, %f2, %f3; st.global.f32 [%d5], %f4;
DONE: ret;
}
.visible .entry other(.param .u64 x) { ret; }
"""
LAUNCH = """grid: 4
block: [64]
args:
  - {dtype: float32, value: 2}
  - {file: x.npy}
  - {dtype: float32, shape: [200], fill: 1}
  - {dtype: int32, value: [7, 200]}
expect:
  - {arg: 2, file: y.npy}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "k.ptx").write_text(PTX)
    data = assemble(PTX, "sm_90")
    (tmp_path / "k.cubin").write_bytes(data)
    (tmp_path / "k.sass").write_text(disassemble(data))
    x = np.random.default_rng(3).integers(-99, 99, 200).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", 2 * x + 1)
    (tmp_path / "launch.yaml").write_text(LAUNCH)
    return tmp_path


def case(folder: Path, kernel: str = "k.ptx", entry: str = "scale") -> KernelCase:
    (found,) = kernel_cases(str(folder / kernel), entry, folder / "launch.yaml")
    return found


@pytest.mark.parametrize("kernel", ["k.ptx", "k.cubin", "k.sass"])
def test_every_kind_of_file_runs_with_its_parameters(folder: Path, kernel: str) -> None:
    found = case(folder, kernel)
    run(found.kernel, found.grid, found.block, found.args, check=True)
    found.options["expect"](found.args)
    found.args[2].array[5] += 1
    with pytest.raises(AssertionError, match="argument 2"):
        found.options["expect"](found.args)


def test_registers_of_sass_text_are_counted_or_given(folder: Path) -> None:
    assert case(folder, "k.sass").kernel.registers >= 16
    assert case(folder, "k.sass").kernel.registers <= case(folder, "k.cubin").kernel.registers + 8
    (folder / "launch.yaml").write_text(LAUNCH + "registers: 40\nstatic_smem_bytes: 2048\n")
    assert case(folder, "k.sass").kernel.registers == 40
    assert case(folder, "k.sass").kernel.shared_bytes == 2048


def test_a_function_without_cases(folder: Path) -> None:
    text = "from numba import cuda\n@cuda.jit\ndef twice(x, n):\n    i = cuda.grid(1)\n"
    (folder / "m.py").write_text(text + "    if i < n:\n        x[i] *= 2\n")
    args = "  - {file: x.npy}\n  - {dtype: int64, value: 100}\n"
    (folder / "launch.yaml").write_text(f"grid: 2\nblock: 64\nargs:\n{args}")
    found = case(folder, "m.py", "twice")
    before = found.args[0].copy()
    run(found.kernel, found.grid, found.block, found.args)
    np.testing.assert_array_equal(found.args[0][:100], 2 * before[:100])


def test_the_verb_takes_a_launch(folder: Path) -> None:
    out = folder / "out.json"
    argv = ["kernel", str(folder / "k.ptx"), "--entry", "scale", "--check", "--json", str(out)]
    assert main([*argv, "--launch", str(folder / "launch.yaml")]) == 0
    (row,) = json.loads(out.read_text())["cases"]
    assert row["check"] == "ok"
    assert row["sample"]["of_ctas"] == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value: 2}", "value: [1, 2]}", "yaml:4:5: args[0] must have the 4 bytes of parameter 0"),
        ("float32, value: 2", "float64, value: 2", "4 bytes of parameter 0 of scale, not 8"),
        ("grid: 4", "grid: [4, 0]", "yaml:1:7: grid must be 1 to 3 positive integers"),
        ("block: [64]\n", "", "block must be given"),
        ("value: [7, 200]", "value: [7, 2.5]", "args[3].value must fit int32"),
        ("value: [7, 200]", "value: yes please", "args[3].value must be a number or a list"),
        ("fill: 1", "fill: 1, seed: 2", "args[2].fill must not stand beside args[2].seed"),
        ("fill: 1", "sed: 1", "args[2] must not have the key 'sed'"),
        ("shape: [200]", "shape: [99999, 99999]", "args[2].shape must hold at most"),
        ("{file: x.npy}", "{file: z.npy}", "must be a .npy file that can be read, not z.npy"),
        ("{file: x.npy}", "{file: k.ptx}", "must be a .npy file that can be read, not k.ptx"),
        ("arg: 2", "arg: 0", "expect[0].arg must be the number of an array, not 0"),
        ("  - {dtype: int32, value: [7, 200]}\n", "", "one argument for each of the 4 parameters"),
        ("block: [64]", "block: [64]\nregisters: 9", "registers must be given for SASS text only"),
        ("fill: 1", "box: [300]", "args[2].box must have extents of 1 to 256"),
    ],
)
def test_a_wrong_launch_is_one_sentence(folder: Path, old: str, new: str, words: str) -> None:
    assert LAUNCH.count(old) == 1
    (folder / "launch.yaml").write_text(LAUNCH.replace(old, new))
    with pytest.raises(ArchsimError) as caught:
        case(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kernel", "entry", "words"),
    [("k.ptx", "none", "entry must name one kernel of"), ("k.ptx", "", "entry must name one"),
     ("k.py", "scale", "must be an existing file"), ("x.npy", "scale", "must be a .py, .ptx")],
)  # fmt: skip
def test_a_wrong_kernel_is_one_sentence(folder: Path, kernel: str, entry: str, words: str) -> None:
    with pytest.raises(ArchsimError, match=words):
        case(folder, kernel, entry)


@pytest.mark.parametrize(
    ("body", "code"),
    [("None", 0), ("np.all(args[0] == 2)", 0), ("np.all(args[0] == 3)", 1), ("args[9]", 2)],
)
def test_an_expectation_that_returns_false_or_fails_is_told(
    tmp_path: Path, body: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k.py").write_text(
        "import numpy as np\nfrom numba import cuda\n"
        "@cuda.jit\ndef double(x):\n    x[cuda.threadIdx.x] *= 2\n"
        f"def expect(args):\n    return {body}\n"
        "def cases(rng):\n    yield 'a', double, 1, 32, (np.ones(32),), {'expect': expect}\n"
    )
    assert main(["kernel", str(tmp_path / "k.py"), "--check"]) == code
    told = capsys.readouterr()
    assert ("differ" in told.out) == (code == 1)
    assert ("a: expect must not fail, but IndexError" in told.err) == (code == 2)
