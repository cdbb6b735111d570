"""What every hostile input must meet: exit code 2, one sentence, no traceback, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archsim.cli import main

Refuse = Callable[..., str]


def check_sentence(text: str) -> None:
    """Fail unless ``text`` is one sentence on one line."""
    assert text.strip() == text
    assert text
    assert "\n" not in text
    assert len(text) <= 500, text
    assert not re.search(r"[.!?] [A-Z]", text), text
    for word in ("Traceback", "pydantic", "ValidationError", "object at 0x", "__init__"):
        assert word not in text, text


@pytest.fixture
def sentence() -> Callable[[str], None]:
    return check_sentence


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refuse:
    """Return a function that runs the command line in ``tmp_path`` and returns its sentence."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 2) -> str:
        before = set(tmp_path.rglob("*"))
        assert main(list(arguments)) == code
        shown = capsys.readouterr()
        assert shown.err.startswith("archsim: ")
        assert shown.err.endswith("\n")
        check_sentence(shown.err.removeprefix("archsim: ").removesuffix("\n"))
        assert set(tmp_path.rglob("*")) == before, "a refused input must write nothing"
        return shown.err

    return run
