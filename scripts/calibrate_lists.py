"""Fit cuBLAS' preferences among the kernels of its short lists (tf32, int8, fp32, fp64).

Usage: python scripts/calibrate_lists.py [--write] [--epochs N] [LIST ...]. The networks of
``archsim.mapping.gpu.list_choice`` rank every kernel at every split of K; they are fitted to
cuBLASLt's rankings (``h200_heuristic``, fit half) by Plackett-Luce likelihood. Prints how often the
kernel and its split are the library's first choice, and the difference in time where not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from calibrate_choice import RATE, Choice, Sizes, Trainer, liking
from choice_records import Record, asked
from numba import njit

from archsim.config.load import load_device
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.names import DMMA, FFMA, MMA, XMMA
from archsim.models.gpu import gemm_list_choice as lists
from archsim.models.gpu.gemm_cheapest import fill
from archsim.models.gpu.gemm_features import LISTED_RUN as RUN
from archsim.models.gpu.gemm_features import OPERATOR, describe_operator
from archsim.models.gpu.gemm_lower import UNSPLIT, template
from archsim.models.gpu.plan import OUTPUTS
from archsim.models.gpu.vector import variants
from archsim.validate.split import is_check

TARGET = Path(__file__).parents[1] / "archsim" / "mapping" / "gpu" / "list_network.json"
SIZES, DECAY = Sizes(16, 24, 12), 3e-5
OUT_BYTES = {"fp64": 8.0}
FAMILIES = {
    ("tf32", 43): (XMMA, {15: (64, 64), 17: (128, 64), 18: (64, 128), 20: (128, 128),
                          21: (64, 256), 23: (256, 128), 24: (128, 256)}),
    ("fp32", 55): (FFMA, {11: (32, 32), 12: (64, 32), 13: (32, 64), 14: (128, 32), 15: (64, 64),
                          16: (32, 128), 17: (128, 64), 18: (64, 128), 19: (256, 64),
                          20: (128, 128), 21: (64, 256), 24: (128, 256)}),
    ("fp64", 35): (DMMA, {11: (32, 32), 12: (64, 32), 13: (32, 64), 15: (64, 64), 17: (128, 64),
                          18: (64, 128), 20: (128, 128)}),
}  # fmt: skip
"""cuBLASLt's algorithms whose names give the tile as m x n: engine, and tiles by id."""
CUTLASS = {
    20: (FFMA, {14: (128, 32), 15: (64, 64), 16: (32, 128), 17: (128, 64), 18: (64, 128),
                20: (128, 128)}),
    21: (MMA, {15: (64, 64), 17: (128, 64), 18: (64, 128), 20: (128, 128), 23: (256, 128)}),
    22: (MMA, {11: (32, 32), 13: (32, 64)}),
}  # fmt: skip
"""The same of CUTLASS kernels."""
DEPTHS = {
    3: (16, 3), 4: (16, 4), 5: (16, 5), 6: (16, 6), 27: (16, 10), 9: (32, 3), 11: (32, 5),
    12: (32, 6), 21: (128, 3), 23: (128, 5), 24: (128, 6), 26: (8, 4), 28: (8, 5), 31: (8, 3),
    34: (32, 4),
}  # fmt: skip
"""K step and stages by cuBLASLt's stages id (as recorded names have them)."""


def row_of(name: str, table: np.ndarray, algo: int, tile: int, stages: int) -> int:
    """Return the row of a list's table that cuBLASLt's ids name, -1 where there is none."""
    engine, tiles = FAMILIES.get((name, algo)) or CUTLASS.get(algo, (-1, {}))
    if tile not in tiles or stages not in DEPTHS:
        return -1
    wanted = [engine, *tiles[tile], *DEPTHS[stages]]
    same = (table[:, [t.ENGINE, t.TM, t.TN, t.TK, t.STAGES]] == wanted).all(1)
    return int(np.argmax(same)) if same.any() else -1


@njit
def price(dev, p, table, most, x, times, splits, rows, scratch):  # type: ignore[no-untyped-def]
    """Price and describe all candidates; return how many."""
    out_bytes, count = p[lists.g.OUT_BYTES], 0
    for i in range(table.shape[0]):
        fill(table[i], p, 1.0, dev.sm_count, out_bytes)
        for split in lists._SPLITS:
            if not lists.another(dev, p, table[i], split, most):
                break
            times[count] = lists.rate(
                dev, p, table[i], split, out_bytes, scratch, x[count, :RUN]
            )  # fmt: skip
            splits[count], rows[count] = split, i
            count += 1
    p[lists.g.OUT_BYTES] = out_bytes
    return count


def choices(name: str) -> list[Choice]:
    """Return what the heuristic says of every product of a type."""
    dev, table = variants(load_device("h200")).rows[0], t.listed_table(name)
    most = 1.0 if name in UNSPLIT else float(lists.SPLITS[-1])
    room = len(table) * len(lists.SPLITS)
    x, us = np.empty((room, RUN)), np.empty(room)
    splits, rows, scratch = np.empty(room), np.empty(room, dtype=np.int64), np.zeros(OUTPUTS)
    operator, found = np.empty(OPERATOR), []
    for shape, ranked in asked((name,), ("algo", "tile", "stages", "split_k")):
        p = template(shape["m"], shape["n"], shape["k"], 1, name, OUT_BYTES.get(name, 4.0))
        describe_operator(p, 0.0, operator)
        n = price(dev, p, table, most, x, us, splits, rows, scratch)
        want = []
        for algo, tile, stages, split in ranked:
            row = row_of(name, table, algo, tile, stages)
            hit = np.flatnonzero((rows[:n] == row) & (splits[:n] == max(split, 1)))
            place = int(hit[0]) if len(hit) else -1
            want.append(-1 if place in want else place)  # clusters are not told apart
        described = np.hstack([x[:n], np.tile(operator, (n, 1))]).astype(np.float32)
        record = Record(shape["m"], shape["n"], shape["k"], 1, name, False, [], is_check(shape),
                        "heuristic", None)  # fmt: skip
        places = rows[:n].copy(), np.zeros(n, dtype=np.int64)
        found.append(Choice(record, described, us[:n].copy(), rows[:n].copy(), places, want))
    return found


def report(name: str, some: list[Choice], net: dict[str, np.ndarray]) -> None:
    """Print hit rates and the mean difference in time on the check half."""
    known = [k for k in some if k.record.check and k.want]
    rows = []
    for k in known:
        if k.want[0] < 0:
            rows.append((0.0, 0.0, np.nan))
            continue
        best = int(np.argmax(liking(net, k)))
        hit = k.rows[0][best] == k.rows[0][k.want[0]]
        rows.append((hit, best == k.want[0], abs(k.us[best] / k.us[k.want[0]] - 1)))
    a = np.array(rows, dtype=float)
    print(f"{name}: n {len(a)} kernel {100 * a[:, 0].mean():.0f} % with split "
          f"{100 * a[:, 1].mean():.0f} %, time off by {100 * np.nanmean(a[:, 2]):.1f} %; "
          f"not listed {100 * np.mean(np.isnan(a[:, 2])):.1f} %", flush=True)  # fmt: skip


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(t.LEARNT))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    found = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    for name in arguments.names:
        every = choices(name)
        use = [k for k in every if not k.record.check and max(k.want, default=-1) >= 0]
        begin = np.zeros(RUN + OPERATOR)
        begin[0] = -10.0
        trainer = Trainer(use, begin, len(t.listed_table(name)), SIZES, DECAY)
        for epoch in range(arguments.epochs):
            trainer.epoch(use, RATE * 0.5 * (1 + np.cos(np.pi * epoch / arguments.epochs)) + 1e-5)
        net = trainer.network(begin, np.zeros(0))
        trainer.restore(use)
        report(name, every, net)
        likings = net["likings"]
        found[name] = {
            "linear": net["linear"][:RUN], "inner": net["inner"], "offset": net["offset"],
            "outer": net["outer"], "tower_inner": net["tower_inner"],
            "tower_offset": net["tower_offset"], "tower_outer": net["tower_outer"],
            "likings": likings, "suits": net["tiles"] + net["clusters"][0],
        }  # fmt: skip
        found[name] = {k: np.vectorize(_short)(v).tolist() for k, v in found[name].items()}
    if arguments.write:
        parts = (f'"{k}": {{\n' + ",\n".join(f'"{n}": {json.dumps(w)}' for n, w in v.items()) + "}"
                 for k, v in found.items())  # fmt: skip
        TARGET.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _short(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
