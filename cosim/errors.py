"""What can go wrong in a co-simulation."""

from archsim.errors import ArchsimError


class CosimError(ArchsimError):
    """The simulation could not be built, or ended in a way that no design should."""


class HangError(CosimError):
    """No handshake happened for the bounded wait."""
