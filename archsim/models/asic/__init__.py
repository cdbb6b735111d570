"""Area and power of engines in standard cells, from committed synthesis results."""

from archsim.models.asic.model import asic_metrics

__all__ = ["asic_metrics"]
