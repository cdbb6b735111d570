"""How a matrix product is cut up for the matrix engine: tiles, groups, order."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.matrix import COUNT_BITS, MatrixParams


@dataclass(frozen=True, slots=True)
class Job:
    """One product ``[m, k] x [k, n]`` on an engine: the values of its control registers, and more.

    ``counts`` are the registers ``k``, ``groups``, ``held``, ``last_held``, ``n_tiles``,
    ``last_rows`` and ``stream_a``.

    Output-stationary: row tiles form ``groups`` groups; a group's ``held`` tiles of A
    (``last_held`` in the last group) stay in the A buffer while all column tiles of B pass.
    ``stream_a``: nothing stays. ``depth`` is k, ``last_rows`` those of the last tile.

    Weight-stationary: rows of A form ``groups`` groups of ``depth`` rows (``last_rows`` in the
    last); ``held`` blocks of weights along K. A group's A stays while all column tiles pass,
    unless ``stream_a``.
    """

    m: int
    n: int
    k: int
    m_tiles: int
    n_tiles: int
    depth: int
    groups: int
    held: int
    last_held: int
    last_rows: int
    stream_a: bool
    group_rows: tuple[int, ...]

    @property
    def registers(self) -> tuple[int, ...]:
        """The control registers' values in their order."""
        return (
            self.depth, self.groups, self.held, self.last_held, self.n_tiles, self.last_rows,
            int(self.stream_a),
        )  # fmt: skip

    def group_sizes(self) -> list[int]:
        """Return ``held`` of each group."""
        return [self.held] * (self.groups - 1) + [self.last_held]


def plan(params: MatrixParams, m: int, n: int, k: int) -> Job:
    """Return the job of ``[m, k] x [k, n]``: few passes over B, as the buffers allow.

    Groups are balanced, so that the last is not much smaller than the others. Raises
    ``ValueError`` where a dimension does not fit its register.
    """
    m_tiles = m if params.weights_stay else -(-m // params.rows)
    n_tiles = -(-n // params.columns)
    limit = (1 << COUNT_BITS) - 1
    for name, value, tiles in (("m", m, m_tiles), ("n", n, n_tiles), ("k", k, k)):
        if value < 1 or tiles > limit:
            raise ValueError(
                f"{name} must be at least 1 and take at most {limit} tiles, not {value}"
            )
    return (_blocks if params.weights_stay else _tiles)(params, m, n, k, n_tiles)


def _tiles(params: MatrixParams, m: int, n: int, k: int, n_tiles: int) -> Job:
    """Output-stationary: the fewest passes over B that the A buffer allows."""
    m_tiles = -(-m // params.rows)
    fits = params.a_depth // k
    most = max(1, min(fits, m_tiles)) if k <= params.b_depth else 1
    held = -(-m_tiles // -(-m_tiles // most))
    groups = -(-m_tiles // held)
    rows = [held * params.rows] * (groups - 1)
    return Job(
        m=m, n=n, k=k, m_tiles=m_tiles, n_tiles=n_tiles, depth=k, groups=groups, held=held,
        last_held=m_tiles - held * (groups - 1), last_rows=m - params.rows * (m_tiles - 1),
        stream_a=fits == 0, group_rows=(*rows, m - sum(rows)),
    )  # fmt: skip


def _blocks(params: MatrixParams, m: int, n: int, k: int, n_tiles: int) -> Job:
    """Weight-stationary: A held for all columns, or more rows with A again for every column,
    whichever takes fewer beats of the input port.
    """
    held = -(-k // params.rows)
    most = params.most_group_rows
    choices = [(most, True)]
    if params.a_depth >= held:
        choices.append((min(most, params.a_depth // held), False))
    a, b = params.beats(params.a_word_bits), params.beats(params.b_word_bits)
    jobs = []
    for rows, stream in choices:
        rows = -(-m // -(-m // rows))
        groups = -(-m // rows)
        traffic = held * (a * m * (n_tiles if stream else 1) + b * groups * params.rows * n_tiles)
        jobs.append((traffic, groups, stream, rows))
    _, groups, stream, rows = min(jobs)
    last = m - rows * (groups - 1)
    return Job(
        m=m, n=n, k=k, m_tiles=groups, n_tiles=n_tiles, depth=rows, groups=groups, held=held,
        last_held=held, last_rows=last, stream_a=stream,
        group_rows=(*[rows] * (groups - 1), last),
    )  # fmt: skip
