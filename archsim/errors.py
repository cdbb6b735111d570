"""The exceptions a user of archsim can meet.

Every message is one sentence. The command line prints it without a traceback and exits with
``exit_code``.
"""

from __future__ import annotations

from typing import ClassVar


class ArchsimError(Exception):
    """Base of every error that is the input's fault, not the program's."""

    exit_code: ClassVar[int] = 2


class ConfigError(ArchsimError):
    """A configuration file, override or command-line value breaks a rule.

    The message reads ``file:line:column: field.path must be <rule>, not <value>``.
    """


class UnsupportedOperatorError(ArchsimError):
    """A workload holds an operator that the chosen machine or importer does not know."""


class MissingConstantError(ArchsimError):
    """A device file lacks a constant that a kernel of the workload needs."""


class CheckError(ArchsimError):
    """A self-check found an answer that cannot be true (below its bound, NaN, not conserved)."""

    exit_code: ClassVar[int] = 3
