"""The timeline of operators that run one after the other, each as its kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from archsim.metrics.result import TERMS, KernelResult, OperatorResult
from archsim.metrics.timeline import Slice, Timeline

OPERATORS = "operators"
GAP = "between kernels"
MEMORY = "device memory (GB/s)"


class _Tape:
    """Slices in order of time; ``now`` is where the next one starts."""

    def __init__(self, stretch: float) -> None:
        self._stretch = stretch
        self.slices: list[Slice] = []
        self.memory: list[tuple[float, float]] = []
        self.now = 0.0

    def gap(self, us: float) -> None:
        """Wait ``us`` before the next kernel."""
        if us <= 0.0:
            return
        end = self.now + us * self._stretch
        self.slices.append(Slice(GAP, GAP, self.now, end, "launch"))
        self.memory.append((self.now, 0.0))
        self.now = end

    def kernel(self, kernel: KernelResult, track: str) -> None:
        """Run ``kernel`` on ``track``, as often as its ``count`` says, and say what bounds it."""
        count = max(1, int(kernel.config.get("count", 1)))
        args = _arguments(kernel)
        us = kernel.us * self._stretch
        self.memory.append((self.now, kernel.hbm_bytes / us / 1e3 if us else 0.0))
        for _ in range(count):
            start = self.now
            end = start + kernel.us / count * self._stretch
            self.slices.append(Slice(track, kernel.name, start, end, "", args))
            whole = sum(kernel.terms_us) or 1.0
            at = start
            for term, us in zip(TERMS, kernel.terms_us, strict=True):
                if us > 0.0:
                    until = min(end, at + (end - start) * us / whole)
                    self.slices.append(Slice(term, kernel.name, at, until, term))
                    at = until
            self.now = end


def kernel_timeline(
    title: str,
    operators: Iterable[tuple[str, OperatorResult]],
    latency_us: float,
    *,
    start_us: float = 0.0,
    gap_us: Callable[[KernelResult], float] = lambda kernel: 0.0,
    track: Callable[[KernelResult], str] = lambda kernel: "kernels",
) -> Timeline:
    """Return the timeline of ``operators`` (name, answer) in the order they run.

    ``start_us`` passes before all, ``gap_us`` before each kernel; everything is stretched so that
    the end is ``latency_us``, as a clock below the one that kernels are priced at does.
    """
    run = list(operators)
    busy = sum(gap_us(kernel) + kernel.us for _, op in run for kernel in op.kernels)
    planned = start_us + busy
    tape = _Tape(latency_us / planned if planned else 1.0)
    began = 0.0
    tape.gap(start_us)
    for name, op in run:
        for kernel in op.kernels:
            tape.gap(gap_us(kernel))
            tape.kernel(kernel, track(kernel))
        tape.slices.append(Slice(OPERATORS, name, began, tape.now, "", {"kind": op.kind}))
        began = tape.now
    used = dict.fromkeys(piece.track for piece in tape.slices)
    units = [name for name in used if name not in (OPERATORS, GAP, *TERMS)]
    terms = [name for name in TERMS if name in used]
    gaps = [GAP] if GAP in used else []
    moved = any(rate > 0.0 for _, rate in tape.memory)
    counters = {MEMORY: [*tape.memory, (tape.now, 0.0)]} if moved else {}
    return Timeline(
        title=title,
        end_us=tape.now,
        tracks=(OPERATORS, *units, *gaps, *terms),
        slices=tape.slices,
        tiling=((OPERATORS,), (*units, *gaps), (*terms, *gaps)),
        counters=counters,
    )


def _arguments(kernel: KernelResult) -> Mapping[str, int | float | str]:
    shape = {
        name: value if isinstance(value, int | float | str) else str(value)
        for name, value in kernel.config.items()
        if name != "count"
    }
    return {"flops": kernel.flops, "memory bytes": kernel.hbm_bytes, **shape}
