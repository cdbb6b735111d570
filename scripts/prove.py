"""Run every proof and write docs/proofs.md.

Usage: scripts/prove.py [--limit SECONDS] [--only WORD]. Each result is kept in build/formal until
deleted; a proof without one is listed as not run, one that reached the limit as not finished.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hdl.formal.proofs import PROOFS  # noqa: E402
from hdl.formal.sby import check  # noqa: E402

WORDS = {"prove": "k-induction", "bmc": "bounded"}


HEAD = [
    "# Proofs", "",
    "Written by `scripts/prove.py` (SymbiYosys, z3). Inputs are free but for the stream",
    "contract; bounded ones hold for so many cycles from reset, the others for ever.",
    "`MULT18X18D` stands for the behaviour that Lattice documents (`hdl.arith.product`).", "",
    "| component | property | method | depth | result | CPU s |", "|---|---|---|---|---|---|",
]  # fmt: skip


def folder_of(proof):
    return ROOT / "build/formal" / proof.name.replace(" ", "_").replace("/", "_").replace(",", "")


def kept(proof):
    file = folder_of(proof).with_suffix(".json")
    return json.loads(file.read_text()) if file.exists() else None


def run(proof, limit_s):
    top = proof.make()
    folder = folder_of(proof)
    outcome = check(top, top.ports, proof.mode, proof.depth, folder, limit_s, models=proof.models)
    folder.with_suffix(".json").write_text(json.dumps([outcome.status, outcome.cpu_seconds]))
    print(proof.name, outcome.status, f"{outcome.cpu_seconds:.1f} s", flush=True)


def row(proof):
    status, seconds = kept(proof) or ("not run", None)
    status = {"TIMEOUT": "not finished"}.get(status, status)
    spent = "" if seconds is None else f"{seconds:.1f}"
    method = WORDS[proof.mode]
    return f"| {proof.name} | {proof.claim} | {method} | {proof.depth} | {status} | {spent} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=0, help="seconds for each proof, 0 for none")
    parser.add_argument("--only", default="", help="run the proofs whose name has this word")
    options = parser.parse_args()
    for proof in PROOFS:
        if options.only in proof.name and not kept(proof):
            run(proof, options.limit)
        (ROOT / "docs/proofs.md").write_text("\n".join([*HEAD, *map(row, PROOFS)]) + "\n")
    return int(any((kept(p) or ["not run"])[0] != "PASS" for p in PROOFS))


if __name__ == "__main__":
    raise SystemExit(main())
