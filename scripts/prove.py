"""Run every proof and write docs/proofs.md; each result is kept in build/formal until deleted."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hdl.formal.proofs import PROOFS  # noqa: E402
from hdl.formal.sby import check  # noqa: E402

WORDS = {"prove": "k-induction", "bmc": "bounded"}


def result_of(proof):
    folder = ROOT / "build/formal" / proof.name.replace(" ", "_").replace("/", "_").replace(",", "")
    kept = folder.with_suffix(".json")
    if not kept.exists():
        top = proof.make()
        outcome = check(top, top.ports, proof.mode, proof.depth, folder)
        kept.write_text(json.dumps([outcome.status, outcome.cpu_seconds]))
        print(proof.name, outcome.status, f"{outcome.cpu_seconds:.1f} s", flush=True)
    return json.loads(kept.read_text())


def main():
    lines = [
        "# Proofs", "",
        "Written by `scripts/prove.py` (SymbiYosys, z3). Inputs are free but for the stream",
        "contract; bounded ones hold for so many cycles from reset, the others for ever.", "",
        "| component | property | method | depth | result | CPU s |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    bad = 0
    for proof in PROOFS:
        status, seconds = result_of(proof)
        bad += status != "PASS"
        lines.append(
            f"| {proof.name} | {proof.claim} | {WORDS[proof.mode]} | {proof.depth} | {status} "
            f"| {seconds:.1f} |"
        )
        (ROOT / "docs/proofs.md").write_text("\n".join(lines) + "\n")
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
