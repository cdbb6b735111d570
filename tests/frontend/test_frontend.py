import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba.cuda")

from numba import cuda, typeof

from archsim.frontend import (
    Control,
    KernelCompileError,
    ToolchainMissingError,
    load_numba,
    load_ptx,
    load_sass,
    read_cubin,
    toolchain,
)
from archsim.frontend.instruction import Kind
from archsim.frontend.operand_text import parse_operand, split_operands
from workloads.kernels.examples import cooperative, scientific

PTX = """
.version 8.0
.target sm_90
.address_size 64
.visible .entry twice(.param .u64 p) {
  .reg .b32 %r<4>; .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [p];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd2, %r1, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r2, [%rd3];
  add.s32 %r3, %r2, %r2;
  st.global.u32 [%rd3], %r3;
  ret;
}
"""


@pytest.fixture(scope="module")
def kernels():
    rng = np.random.default_rng(1)
    cases = [*list(cooperative.cases(rng))[:4], *list(scientific.cases(rng))[:4]]
    return [load_numba(c.kernel, tuple(typeof(a) for a in c.args)) for c in cases]


def test_control_codes_of_real_kernels_hold_their_ranges(kernels):
    for kernel in kernels:
        for item in kernel.instructions:
            assert 0 <= item.control.stall_cycles <= 15
            assert item.control.write_barrier in (0, 1, 2, 3, 4, 5, 7)
            assert item.control.read_barrier in (0, 1, 2, 3, 4, 5, 7)


def test_a_barrier_that_is_waited_for_was_set(kernels):
    for kernel in kernels:
        controls = [item.control for item in kernel.instructions]
        used = {c.write_barrier for c in controls} | {c.read_barrier for c in controls}
        for control in controls:
            for barrier in range(6):
                if (control.wait_mask >> barrier) & 1:
                    assert barrier in used


def test_reuse_bits_match_the_reuse_marks_of_the_text(kernels):
    for kernel in kernels:
        for item in kernel.instructions:
            assert bin(item.control.reuse).count("1") == item.text.count(".reuse")


def test_the_destination_register_is_in_the_encoding(kernels):
    checked = 0
    for kernel in kernels:
        for item in kernel.instructions:
            if item.opcode in ("IMAD", "FFMA", "DFMA", "SEL", "LDG", "LDS", "SHFL"):
                place = next(o for o in item.operands if o.kind is Kind.REGISTER)
                assert (item.encoding >> 16) & 255 == place.index
                checked += 1
    assert checked > 100


def test_addresses_and_blocks_cover_the_kernel(kernels):
    for kernel in kernels:
        assert [i.address for i in kernel.instructions] == [
            16 * n for n in range(len(kernel.instructions))
        ]
        covered = [n for b in kernel.blocks for n in range(b.first, b.last + 1)]
        assert covered == list(range(len(kernel.instructions)))
        assert all(
            s in {b.first for b in kernel.blocks} for b in kernel.blocks for s in b.successors
        )


def test_numba_kernels_carry_lines_parameters_and_resources(kernels):
    tiled = kernels[0]
    assert tiled.shared_bytes == 1024 + 2 * 16 * 16 * 4
    assert max(i.line for i in tiled.instructions) > 15
    assert len(tiled.parameters) == 3 * 9
    assert [p.offset_bytes for p in tiled.parameters] == [8 * n for n in range(27)]
    assert 16 <= tiled.registers <= 255


def test_half_precision_operators_are_compiled_in_with_their_lines():
    def scaled(a, b):
        i = cuda.grid(1)
        b[i] = a[i] * a[i]

    kernel = load_numba(cuda.jit(scaled), (typeof(np.zeros(1, np.float16)),) * 2)
    line = scaled.__code__.co_firstlineno + 2
    assert any(i.opcode == "HMUL2" for i in kernel.instructions)
    assert line in {i.line for i in kernel.instructions}


def test_descriptors_scoreboards_and_predicate_files_are_operands():
    assert parse_operand("gdesc[UR4].tnspA.negB", {}, 0).suffixes == ("tnspA", "negB")
    assert parse_operand("gdesc[UR4]", {}, 0).index == 4
    for text in ("SB0", "gsb0", "PR", "Rpc.HI", "SR_TID.X"):
        assert parse_operand(text, {}, 0).kind is Kind.SPECIAL


def test_ptx_and_its_listing_give_the_same_instructions():
    kernel = load_ptx(PTX)
    listing = load_sass(toolchain.disassemble(toolchain.assemble(PTX)), "twice")
    assert [i.encoding for i in listing.instructions] == [i.encoding for i in kernel.instructions]
    assert kernel.parameters[0].size_bytes == 8


@given(
    st.integers(0, 15), st.booleans(), st.integers(0, 7), st.integers(0, 7), st.integers(0, 63),
    st.integers(0, 15), st.integers(0, 2**105 - 1),
)  # fmt: skip
def test_control_decoding_inverts_packing(stall, yields, write, read, wait, reuse, rest):
    bits = stall | (not yields) << 4 | write << 5 | read << 8 | wait << 11 | reuse << 17
    assert Control.decode(rest | bits << 105) == Control(stall, yields, write, read, wait, reuse)


@given(st.integers(0, 254), st.sampled_from(["", "-", "~"]), st.booleans())
def test_register_operands_round_trip(index, sign, reuse):
    operand = parse_operand(f"{sign}R{index}" + (".reuse" if reuse else ""), {}, 0)
    assert operand.index == index
    assert (operand.negate, operand.invert) == (sign == "-", sign == "~")
    assert operand.suffixes == (("reuse",) if reuse else ())


@given(st.integers(0, 254), st.integers(0, 62), st.integers(-(2**20), 2**20))
def test_addresses_round_trip(base, uniform, offset):
    sign = "-" if offset < 0 else ""
    text = f"desc[UR4][R{base}.64+UR{uniform}+{sign}{abs(offset):#x}]"
    operand = parse_operand(text, {}, 0)
    assert (operand.base, operand.uniform, operand.value) == (base, uniform, offset)
    assert operand.wide
    assert operand.descriptor == 4


def test_commas_inside_brackets_do_not_split():
    assert split_operands("R1, [R2, R3], c[0x0][0x4]") == ["R1", "[R2, R3]", "c[0x0][0x4]"]


def test_an_unknown_operand_names_its_address():
    text = "\t/*0010*/  FROB R1, {R2} ; /* 0x0000000000000000 */\n"
    with pytest.raises(KernelCompileError, match="0x0010"):
        load_sass(text)


def test_broken_inputs_are_refused_in_one_sentence():
    with pytest.raises(KernelCompileError, match="ELF64"):
        read_cubin(b"nothing")
    with pytest.raises(KernelCompileError, match="damaged"):
        read_cubin(toolchain.assemble(PTX)[:300])
    with pytest.raises(KernelCompileError, match="ptxas failed"):
        load_ptx("not ptx")
    with pytest.raises(KernelCompileError, match="entry must name"):
        load_ptx(PTX, "thrice")
    with pytest.raises(ValueError, match="arch must be one of"):
        load_numba(scientific.nbody, (), arch="sm_80")


def test_an_absent_wheel_is_named(monkeypatch):
    toolchain.program.cache_clear()
    monkeypatch.setitem(toolchain._WHEELS, "ptxas", "a-wheel-that-is-absent")
    with pytest.raises(ToolchainMissingError, match="pip install a-wheel-that-is-absent"):
        toolchain.program("ptxas")
    toolchain.program.cache_clear()


def test_an_absent_compiler_is_named(monkeypatch):
    """Numba has an old CUDA target of its own, which is no substitute."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    sentence = r"numba-cuda must be installed .*: run pip install 'archsim\[gpu,sm\]'"
    with pytest.raises(ToolchainMissingError, match=sentence):
        load_numba(cuda.jit(lambda out: None), ())
