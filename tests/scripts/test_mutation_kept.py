"""Kept mutation results hold for their hardware only."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from mutation_kept import digest_of, kept


def test_result_of_other_hardware_is_not_taken(tmp_path):
    digest = digest_of("module \\dut", 45, 1)
    assert kept(tmp_path, digest) is None
    result = {"digest": digest, "mutants": 45}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert kept(tmp_path, digest) == result
    for other in (digest_of("module \\dut2", 45, 1), digest_of("module \\dut", 44, 1)):
        assert kept(tmp_path, other) is None
    (tmp_path / "result.json").write_text(json.dumps({"mutants": 45}))
    assert kept(tmp_path, digest) is None
