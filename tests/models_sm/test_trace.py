import numpy as np

from archsim.models.gpu.sm.trace import TraceLog


def filled(rng, records, rows, warps):
    log = TraceLog(enabled=True)
    for k in range(records):
        if log.used[0] == len(log.pc) or log.used[1] == len(log.address):
            log.grow()
        n, row = log.used
        log.warp[n], log.pc[n] = rng.integers(warps), k
        log.mask[n] = rng.integers(2**32)
        log.mem[n] = row if row < rows else -1
        if row < rows:
            log.address[row] = k
            log.used[1] += 1
        log.used[0] += 1
    return log


def test_a_log_splits_into_the_records_of_each_warp_in_order():
    rng = np.random.default_rng(0)
    log = filled(rng, 40000, 6000, 6)
    warp, pc, mask = log.warp[:40000].copy(), log.pc[:40000].copy(), log.mask[:40000].copy()
    traces = log.split([(0, 0, 0), (1, 0, 0)], 3)
    assert [t.cta for t in traces] == [(0, 0, 0), (1, 0, 0)]
    assert [t.rank for t in traces] == [0, 1]
    for w in range(6):
        trace = traces[w // 3]
        own = slice(trace.start[w % 3], trace.start[w % 3 + 1])
        np.testing.assert_array_equal(trace.pc[own], pc[warp == w])
        np.testing.assert_array_equal(trace.mask[own], mask[warp == w])
        rows = trace.mem[own]
        np.testing.assert_array_equal(trace.address[rows[rows >= 0], 5], trace.pc[own][rows >= 0])
    assert log.used.tolist() == [0, 0]


def test_a_trace_costs_twelve_bytes_a_record_and_256_a_row():
    trace = filled(np.random.default_rng(0), 1000, 10, 1).split([(0, 0, 0)], 1)[0]
    assert trace.warps == 1
    assert trace.size_bytes == 1000 * 12 + 10 * 256 + 2 * 8


def test_a_disabled_log_holds_nothing():
    log = TraceLog(enabled=False)
    assert log.pc.nbytes + log.address.nbytes == 0
