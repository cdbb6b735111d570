"""``python -m archsim``."""

from archsim.cli import entry

entry()
