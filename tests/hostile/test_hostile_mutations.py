"""Good files with random damage: each loads, or is refused with one sentence."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from archsim.app.vocabulary import vocabulary
from archsim.config.load import device_from_document, run_from_document
from archsim.config.paths import find_device, run_files
from archsim.config.yaml_strict import parse_document
from archsim.errors import ArchsimError

PIECES = (
    "", " ", "\n", "\t", ":", ": ", ",", "[", "]", "{", "}", "-", "- ", "#", "'", '"', "&a ", "*a",
    "!!int ", "|", ">", "?", "~", "null", "true", "no", "0", "-1", "1e999", ".nan", ".inf", "0x",
    "9" * 30, "...", "---\n", "<<: ", "%", "@", "`", "\\", "\0", "é", "\u2028", "\ufeff", "sweep:",
    "device.", "workload", "value", "1.5", "x" * 200,
)  # fmt: skip


def damaged(text: str, rng: random.Random) -> str:
    """``text`` with one to three pieces deleted, replaced or inserted."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(text))
        stop = start + rng.choice((0, 0, 1, 2, 8, 40))
        text = text[:start] + rng.choice(PIECES) + text[stop:]
    return text


@pytest.mark.parametrize("name", ["quickstart", "vit_on_hopper"])
def test_damaged_run_files(name: str, sentence: Callable[[str], None]) -> None:
    rng = random.Random(name)
    known = vocabulary()
    text = run_files()[name].read_text()
    refused = 0
    for _ in range(150):
        try:
            run_from_document(parse_document(damaged(text, rng), "x"), Path("x.yaml"), (), known)
        except ArchsimError as error:
            refused += 1
            sentence(str(error))
    assert refused > 75


def test_damaged_device_files(sentence: Callable[[str], None]) -> None:
    rng = random.Random("device")
    text = find_device("h200").read_text()
    refused = 0
    for _ in range(200):
        try:
            device_from_document(parse_document(damaged(text, rng), "x.yaml"))
        except ArchsimError as error:
            refused += 1
            sentence(str(error))
    assert refused > 60
