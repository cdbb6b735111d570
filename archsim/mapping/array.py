"""How a matrix product is cut up for the matrix engine: tiles, groups, order."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.matrix import COUNT_BITS, MatrixParams


@dataclass(frozen=True, slots=True)
class Job:
    """One product ``[m, k] x [k, n]`` on an engine: the values of its control registers.

    Row tiles form ``groups`` groups; a group's ``held`` tiles of A (``last_held`` in the last
    group) stay in the A buffer while all column tiles of B pass. ``stream_a``: nothing stays.
    """

    m: int
    n: int
    k: int
    m_tiles: int
    n_tiles: int
    groups: int
    held: int
    last_held: int
    last_rows: int
    stream_a: bool

    def group_sizes(self) -> list[int]:
        """Return the row tiles of each group."""
        return [self.held] * (self.groups - 1) + [self.last_held]


def plan(params: MatrixParams, m: int, n: int, k: int) -> Job:
    """Return the job of ``[m, k] x [k, n]``: fewest passes over B that the A buffer allows.

    Groups are balanced, so that the last is not much smaller than the others. Raises
    ``ValueError`` where a dimension does not fit its register.
    """
    m_tiles = -(-m // params.rows)
    n_tiles = -(-n // params.columns)
    limit = (1 << COUNT_BITS) - 1
    for name, value, tiles in (("m", m, m_tiles), ("n", n, n_tiles), ("k", k, k)):
        if value < 1 or tiles > limit:
            raise ValueError(
                f"{name} must be at least 1 and take at most {limit} tiles, not {value}"
            )
    fits = params.a_depth // k
    whole_b = k <= params.b_depth
    stream_a = fits == 0
    most = max(1, min(fits, m_tiles)) if whole_b else 1
    groups = -(-m_tiles // most)
    held = -(-m_tiles // groups)
    groups = -(-m_tiles // held)
    return Job(
        m=m,
        n=n,
        k=k,
        m_tiles=m_tiles,
        n_tiles=n_tiles,
        groups=groups,
        held=held,
        last_held=m_tiles - held * (groups - 1),
        last_rows=m - params.rows * (m_tiles - 1),
        stream_a=stream_a,
    )
