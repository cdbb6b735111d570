"""The neural-graphics cluster: encoding engines, processors, cluster and host."""

from archsim.models.ngpc.model import NgpcModel

__all__ = ["NgpcModel"]
