"""Shared fixtures. A test that needs a system package asks for it here, never skips by itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # trace_rules


@pytest.fixture
def require_system(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Return a function: program name -> its path, or the test counts as not run.

    On a developer's machine without the program the test is skipped and named at the end. In
    continuous integration (``CI`` set) it fails: there everything must run.
    """

    def need(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            request.node.user_properties.append(("needs", program))
            message = f"{program} is not installed (scripts/system-packages)"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return path

    return need


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that a missing system package kept from running."""
    reports = [r for found in ("skipped", "failed") for r in terminalreporter.stats.get(found, ())]
    missing = [(r.nodeid, dict(r.user_properties).get("needs")) for r in reports]
    if any(program for _, program in missing):
        terminalreporter.section("not run")
        for name, program in missing:
            if program:
                terminalreporter.line(f"{name} (needs {program})")
