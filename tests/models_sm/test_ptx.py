"""Instructions that Numba does not produce, in hand-written PTX, against NumPy."""

from __future__ import annotations

import numpy as np
import ptx_kernels as ptx
import pytest

pytest.importorskip("numba.cuda")

from archsim.models.gpu.sm.execute import run
from archsim.models.gpu.sm.memory import TensorMap

F16 = np.float16


def words(seed, count, low=-(2**31), high=2**31):
    return np.random.default_rng(seed).integers(low, high, count).astype(np.int32)


def outputs(body, source, threads=32, **options):
    """The four output words of each thread, int32[threads, 4]."""
    out = np.zeros((threads * options.pop("blocks", 1), 4), np.int32)
    blocks = len(out) // threads
    run(ptx.kernel(body), blocks, threads, (source, out), check=True, **options)
    return out


def test_bulk_copy_completes_its_mbarrier():
    source = words(0, 128)
    got = outputs(ptx.BULK, source)
    np.testing.assert_array_equal(got, source.reshape(32, 4)[np.arange(32) ^ 1])


def test_a_bulk_copy_is_one_row_and_one_wait_in_the_trace():
    done = run(ptx.kernel(ptx.BULK), 1, 32, (words(0, 128), np.zeros(128, np.int32)), trace=True)
    trace, code = done.traces[0], done.program.kernel.instructions
    opcodes = [code[pc].opcode for pc in trace.pc]
    row = trace.address[trace.mem[opcodes.index("UBLKCP")]]
    assert row[1] == 2048  # the mbarrier's kilobyte, after the driver's
    assert row[2:5].tolist() == [512, 1024, -1]
    assert sum("TRYWAIT" in code[pc].modifiers for pc in trace.pc) == 1


def test_asynchronous_copies_fill_with_zeros():
    source = words(1, 128)
    got, s = outputs(ptx.CP_ASYNC, source), source.reshape(32, 4)
    want = np.stack([s[:, 0], np.full(32, 7), s[:, 2], np.zeros(32)], axis=1)
    np.testing.assert_array_equal(got, want)


def test_cluster_barriers_and_distributed_shared_memory():
    source = words(2, 128)
    got = outputs(ptx.CLUSTER, source, blocks=4, cluster=4).reshape(4, 32, 4)
    s = source.reshape(32, 4)
    for rank in range(4):
        np.testing.assert_array_equal(got[rank, :, 0], s[:, 0])
        np.testing.assert_array_equal(got[rank, :, 1], s[:, 1])
        np.testing.assert_array_equal(got[rank, :, 2], s[:, 1] + np.int32(100))
        assert (got[rank, :, 3] == rank).all()


def test_remote_stores_complete_the_neighbours_mbarrier():
    source = words(3, 128)
    got = outputs(ptx.REMOTE, source, blocks=2, cluster=2).reshape(2, 32, 4)
    for rank in range(2):
        np.testing.assert_array_equal(got[rank, :, 0], source[::4] + np.int32(rank ^ 1))


def fragments_a(matrix, columns):
    """Registers a0 to a3 of a 16-row matrix of elements with ``columns`` in a register."""
    lane = np.arange(32)
    rows, first = lane // 4, columns * (lane % 4)
    parts = [
        matrix[rows[:, None] + 8 * (r & 1), first[:, None] + 4 * columns * (r >> 1)
               + np.arange(columns)] for r in range(4)
    ]  # fmt: skip
    return np.stack([np.ascontiguousarray(p).view(np.int32)[:, 0] for p in parts], axis=1)


def fragments_b(matrix, columns):
    lane = np.arange(32)
    rows, first = lane // 4, columns * (lane % 4)
    parts = [
        matrix.T[rows[:, None], first[:, None] + 4 * columns * r + np.arange(columns)]
        for r in range(2)
    ]
    return np.stack([np.ascontiguousarray(p).view(np.int32)[:, 0] for p in parts], axis=1)


def accumulators(got):
    """The 16 x 8 matrix of c0 to c3."""
    lane = np.arange(32)
    full = np.zeros((16, 8), got.dtype)
    for r in range(4):
        full[lane // 4 + 8 * (r >> 1), 2 * (lane % 4) + (r & 1)] = got[:, r]
    return full


def source_of(a, b):
    both = np.zeros((64, 4), np.int32)
    both[:32], both[32:, :2] = a, b
    return both


def test_half_matrix_product():
    rng = np.random.default_rng(4)
    a, b = rng.integers(-8, 8, (16, 16)).astype(F16), rng.integers(-8, 8, (16, 8)).astype(F16)
    got = outputs(ptx.HMMA, source_of(fragments_a(a, 2), fragments_b(b, 2))).view(np.float32)
    want = a.astype(np.float32) @ b.astype(np.float32) + np.array([1, 2] * 4, np.float32)
    np.testing.assert_array_equal(accumulators(got), want)


def test_sparse_matrix_product():
    rng = np.random.default_rng(14)
    stored = rng.integers(-8, 8, (16, 16)).astype(F16)
    places = np.sort(rng.permuted(np.tile(np.arange(4), (16, 8, 1)), axis=2)[:, :, :2], axis=2)
    dense = np.zeros((16, 8, 4), F16)
    np.put_along_axis(dense, places, stored.reshape(16, 8, 2), axis=2)
    b = rng.integers(-8, 8, (32, 8)).astype(F16)
    # Lanes 0 and 1 of a group hold 16 bits each of row g and, above, of row g + 8.
    bits = (places.reshape(16, 2, 8) << 2 * np.arange(8)).sum(axis=2)
    source = np.zeros((96, 4), np.int32)
    source[:32] = fragments_a(stored, 2)
    halves = [fragments_b(b[:16], 2), fragments_b(b[16:], 2)]
    source[32:64] = np.concatenate(halves, axis=1)
    metadata = np.zeros((8, 4), np.uint32)
    metadata[:, :2] = bits[:8] | bits[8:] << 16
    source[64:, 0] = metadata.view(np.int32).ravel()
    got = accumulators(outputs(ptx.SPARSE, source).view(np.float32))
    want = dense.reshape(16, 32).astype(np.float32) @ b.astype(np.float32)
    np.testing.assert_array_equal(got, want)


def test_bit_matrix_product():
    rng = np.random.default_rng(15)
    a, b = rng.integers(0, 2, (16, 256)), rng.integers(0, 2, (256, 8))
    packed_a, packed_b = (
        np.ascontiguousarray(np.packbits(m.astype(np.uint8), axis=1, bitorder="little"))
        .view(np.int32) for m in (a, b.T)
    )  # fmt: skip
    lane = np.arange(32)
    rows = [packed_a[lane // 4 + 8 * (r & 1), lane % 4 + 4 * (r >> 1)] for r in range(4)]
    columns = [packed_b[lane // 4, lane % 4 + 4 * r] for r in range(2)]
    source = source_of(np.stack(rows, axis=1), np.stack(columns, axis=1))
    want = (a[:, :, None] != b[None]).sum(axis=1)
    np.testing.assert_array_equal(accumulators(outputs(ptx.BMMA, source)), want)


def test_integer_matrix_product():
    rng = np.random.default_rng(5)
    a = rng.integers(-128, 128, (16, 32)).astype(np.int8)
    b = rng.integers(0, 256, (32, 8)).astype(np.uint8)
    got = outputs(ptx.IMMA, source_of(fragments_a(a, 4), fragments_b(b, 4)))
    c = accumulators(np.stack([np.full(32, 5), np.arange(32)] * 2, axis=1))
    np.testing.assert_array_equal(accumulators(got), a.astype(np.int32) @ b.astype(np.int32) + c)


def test_double_matrix_product():
    rng = np.random.default_rng(6)
    source = rng.integers(-9, 9, 128).astype(np.float64)
    got = outputs(ptx.DMMA, source).view(np.float64)
    a, b = source[:64:2].reshape(8, 4), source[64::2].reshape(8, 4).T
    want = a @ b + 1
    np.testing.assert_array_equal(got, want.reshape(32, 2))


def test_matrix_loads_and_transposes():
    source = words(7, 128)
    got, matrix = outputs(ptx.LDMATRIX, source), source.view(np.int16).reshape(32, 8)
    np.testing.assert_array_equal(got[:, 0], source.reshape(32, 4)[:8].ravel())
    np.testing.assert_array_equal(got[:, 1], source.reshape(32, 4)[8:16].ravel())
    turned = np.ascontiguousarray(matrix[:8].T).view(np.int32).ravel()
    np.testing.assert_array_equal(got[:, 2], turned)
    np.testing.assert_array_equal(got[:, 3], turned)


def test_dynamic_programming_instructions():
    source = words(8, 128)
    got = outputs(ptx.DPX, source)
    a, b, c = source.reshape(32, 4).T[:3]
    np.testing.assert_array_equal(got[:, 0], np.maximum(a + b, c))
    np.testing.assert_array_equal(got[:, 1], np.maximum(np.maximum(np.maximum(a, b), c), 0))
    x, y, z = (np.ascontiguousarray(v).view(np.int16) for v in (a, b, c))
    packed = np.maximum(np.maximum(x + y, z), 0)
    np.testing.assert_array_equal(got[:, 2], packed.view(np.int32))
    u, v, w = (v.view(np.uint16) for v in (x, y, z))
    np.testing.assert_array_equal(got[:, 3], np.minimum(np.minimum(u, v), w).view(np.int32))


def test_bit_fields_and_permutations():
    source = words(9, 128)
    got, s = outputs(ptx.BITS, source), source.reshape(32, 4)
    for t in range(32):
        a, b, c = (int(v) & 0xFFFFFFFF for v in s[t, :3])
        both = (b << 32 | a).to_bytes(8, "little")
        picked = 0
        for k in range(4):
            byte = both[c >> 4 * k & 7]
            byte = (0xFF if byte & 0x80 else 0) if c >> 4 * k & 8 else byte
            picked |= byte << 8 * k
        field = (a >> 3 & 127) - (128 if a >> 9 & 1 else 0)
        keep = 0x1FF << 5
        insert = (b & ~keep) | ((a & 0x1FF) << 5)
        signed = np.frombuffer(a.to_bytes(4, "little"), np.int8).astype(int)
        dot = c + int((signed * np.frombuffer(b.to_bytes(4, "little"), np.uint8)).sum())
        funnel = (b << 32 | a) << (c & 31) >> 32
        want = np.array([picked, field + insert, dot, funnel], object) % 2**32
        assert [int(v) % 2**32 for v in got[t]] == want.tolist()


def test_warp_reductions_and_matches():
    source = words(10, 128)
    got, a = outputs(ptx.REDUCE, source), source[::4]
    assert (got[:, 0] == a.sum(dtype=np.int32)).all()
    assert (got[:, 1].view(np.uint32) == a.view(np.uint32).min()).all()
    keys = a & 3
    want = [sum(1 << n for n in np.flatnonzero(keys == k)) for k in keys]
    assert got[:, 2].view(np.uint32).tolist() == want
    assert (got[:, 3] == (a < 0).sum()).all()


def test_packed_halves():
    rng = np.random.default_rng(11)
    source = rng.normal(0, 4, (32, 8)).astype(F16)
    source[:, 6:] = rng.normal(0, 4, (32, 1)).astype(np.float32).view(F16)
    got = outputs(ptx.HALVES, source.view(np.int32).ravel()).view(F16)
    a, b, c = source[:, 0:2], source[:, 2:4], source[:, 4:6]
    wide = a.astype(np.float64) * b + c  # exact, so that one rounding follows
    np.testing.assert_array_equal(got[:, 0:2], wide.astype(F16))
    np.testing.assert_array_equal(got[:, 2:4], a + b)
    np.testing.assert_array_equal(got[:, 4:6], np.maximum(a, b))
    single = np.ascontiguousarray(source[:, 6:]).view(np.float32)
    np.testing.assert_array_equal(got[:, 6:], np.repeat(single.astype(F16), 2, axis=1))


def directed(exact, mode):
    """The fp32 neighbours of exact (longdouble) values, rounded toward zero, up or down."""
    near = exact.astype(np.float32)
    up = near.astype(np.longdouble) > exact
    down = near.astype(np.longdouble) < exact
    if mode == "rp":
        return np.where(down, np.nextafter(near, np.float32(np.inf)), near)
    if mode == "rm":
        return np.where(up, np.nextafter(near, np.float32(-np.inf)), near)
    away = np.where(exact > 0, up, down)
    return np.where(away, np.nextafter(near, np.float32(0)), near)


def test_directed_rounding():
    rng = np.random.default_rng(12)
    source = (rng.normal(size=(32, 4)) * 10.0 ** rng.integers(-3, 4, (32, 4))).astype(np.float32)
    got = outputs(ptx.SUFFIXES, source.view(np.int32).ravel())
    a, b, c = source.T[:3].astype(np.longdouble)
    floats = got.view(np.float32)
    np.testing.assert_array_equal(floats[:, 0], directed(a * b + c, "rz"))
    np.testing.assert_array_equal(floats[:, 1], directed(a + b, "rp"))
    np.testing.assert_array_equal(floats[:, 2], directed(a * b, "rm"))
    np.testing.assert_array_equal(got[:, 3], np.rint(source[:, 0]).astype(np.int32))


def test_warp_group_product_from_shared_memory():
    rng = np.random.default_rng(13)
    a, b = rng.integers(-8, 8, (64, 16)).astype(F16), rng.integers(-8, 8, (16, 8)).astype(F16)
    # Cores of 8 rows of 16 bytes: leading offset 128 along K, stride offset 256 along M or N.
    cores_a = a.reshape(8, 8, 2, 8).transpose(0, 2, 1, 3)
    cores_b = b.T.reshape(1, 8, 2, 8).transpose(0, 2, 1, 3)
    source = np.zeros(4096, np.uint8)
    source[:2048] = np.ascontiguousarray(cores_a).view(np.uint8).ravel()
    source[2048:2304] = np.ascontiguousarray(cores_b).view(np.uint8).ravel()
    body = ptx.WGMMA.replace("{high}", hex(16 << 32 | 8 << 16))
    got = outputs(body, source.view(np.int32), threads=128).view(np.float32)
    want = a.astype(np.float32) @ b.astype(np.float32)
    for warp in range(4):
        part = accumulators(got[32 * warp : 32 * warp + 32])
        np.testing.assert_array_equal(part, want[16 * warp : 16 * warp + 16])


def test_tensor_copies_take_a_box_and_fill_outside_with_zeros():
    image = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    out = np.zeros((32, 4), np.float32)
    kernel = ptx.kernel(ptx.TENSOR, loads=False)
    run(kernel, 1, 32, (TensorMap(image, (8, 16)), out), check=True)
    padded = np.zeros((8, 16), np.float32)
    padded[1:] = image[:7, 3:19]
    np.testing.assert_array_equal(out.ravel(), padded.ravel())


def test_tensor_maps_state_their_rules():
    image = np.zeros((20, 30), np.float32)
    for box, swizzle, words_ in (((8,), 0, "dimensions"), ((8, 300), 0, "extents"),
                                 ((8, 8), 16, "swizzle")):  # fmt: skip
        with pytest.raises(ValueError, match=words_):
            run(ptx.kernel(ptx.TENSOR, loads=False), 1, 32,
                (TensorMap(image, box, swizzle), image))  # fmt: skip
