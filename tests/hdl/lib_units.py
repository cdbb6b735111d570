"""Units of hdl.lib: components beside naive models."""

from __future__ import annotations

from collections import deque

from unit_harness import Model, Unit

from hdl.lib.arbiter import StreamArbiter
from hdl.lib.fifo import StreamFifo
from hdl.lib.narrow import Narrower
from hdl.lib.replay import ReplayBuffer
from hdl.lib.skid import SkidBuffer
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.sram import DoubleBuffer
from hdl.lib.widen import Gearbox, Widener


def words(bits, count=800):
    return lambda rng: [rng.getrandbits(bits) for _ in range(count)]


class Queue(Model):
    """Holds up to ``depth`` words; a word is seen the cycle after it came."""

    def __init__(self, depth, level=False):
        self.depth, self.level, self.held = depth, level, deque()

    def outputs(self, x):
        y = {
            "i__ready": int(len(self.held) < self.depth),
            "o__valid": int(bool(self.held)),
            "o__payload": self.held[0] if self.held else None,
        }
        return y | ({"level": len(self.held)} if self.level else {})

    def step(self, x):
        room = len(self.held) < self.depth
        if self.held and x["o__ready"]:
            self.held.popleft()
        if x["i__valid"] and room:
            self.held.append(x["i__payload"])


class MemoryQueue(Model):
    """Words in memory, one fetched, one on the output."""

    def __init__(self, depth):
        self.depth, self.memory, self.fetched, self.out = depth, deque(), None, None

    def outputs(self, x):
        return {
            "i__ready": int(len(self.memory) < self.depth),
            "o__valid": int(self.out is not None),
            "o__payload": self.out,
        }

    def step(self, x):
        push = x["i__valid"] and len(self.memory) < self.depth
        if x["o__ready"]:
            self.out = None
        if self.out is None:
            self.out, self.fetched = self.fetched, None
        if self.fetched is None and self.memory:
            self.fetched = self.memory.popleft()
        if push:
            self.memory.append(x["i__payload"])


class Narrow(Model):
    def __init__(self, width, beat):
        self.width, self.bits, self.n, self.beat = width, beat, -(-width // beat), 0

    def outputs(self, x):
        final = self.beat == self.n - 1
        word = (x["i__payload"] >> (self.beat * self.bits)) & ((1 << self.bits) - 1)
        valid = x["i__valid"]
        return {
            "final": int(final), "o__valid": valid, "o__payload": word if valid else None,
            "i__ready": int(x["o__ready"] and final),
        }  # fmt: skip

    def step(self, x):
        if x["i__valid"] and x["o__ready"]:
            self.beat = (self.beat + 1) % self.n


class Widen(Model):
    def __init__(self, width, beat):
        self.width, self.bits, self.n = width, beat, -(-width // beat)
        self.beats, self.out = [], None

    def outputs(self, x):
        ready = self.out is None or x["o__ready"]
        return {
            "i__ready": int(ready),
            "o__valid": int(self.out is not None),
            "o__payload": self.out,
        }

    def step(self, x):
        ready = self.outputs(x)["i__ready"]
        if x["o__ready"]:
            self.out = None
        if x["i__valid"] and ready:
            self.beats.append(x["i__payload"])
            if len(self.beats) == self.n:
                word = sum(b << (k * self.bits) for k, b in enumerate(self.beats))
                self.out, self.beats = word & ((1 << self.width) - 1), []


class Gears(Model):
    """A string of bits."""

    def __init__(self, i, o):
        self.i, self.o, self.bits = i, o, []

    def outputs(self, x):
        valid = len(self.bits) >= self.o
        kept = len(self.bits) - (self.o if valid and x["o__ready"] else 0)
        word = sum(b << k for k, b in enumerate(self.bits[: self.o])) if valid else None
        return {
            "i__ready": int(kept <= self.o), "o__valid": int(valid), "o__payload": word,
            "level": len(self.bits),
        }  # fmt: skip

    def step(self, x):
        ready = self.outputs(x)["i__ready"]
        if len(self.bits) >= self.o and x["o__ready"]:
            self.bits = self.bits[self.o :]
        if x["i__valid"] and ready:
            self.bits += [(x["i__payload"] >> k) & 1 for k in range(self.i)]


class Arbiter(Model):
    def __init__(self, count, policy):
        self.count, self.policy, self.held, self.served = count, policy, None, count - 1

    def choice(self, x):
        asking = [n for n in range(self.count) if x[f"i__{n}__valid"]]
        if self.held is not None or not asking:
            return self.held
        if self.policy == "round_robin":
            return min(asking, key=lambda n: (n - self.served - 1) % self.count)
        return asking[0]

    def outputs(self, x):
        n = self.choice(x)
        y = {f"i__{k}__ready": int(k == n and x["o__ready"]) for k in range(self.count)}
        y |= {"o__valid": int(n is not None), "source": n}
        return y | {"o__payload": None if n is None else x[f"i__{n}__payload"]}

    def step(self, x):
        n = self.choice(x)
        self.held = None if n is None or x["o__ready"] else n
        if n is not None and x["o__ready"]:
            self.served = n


class Buffers(Model):
    """Lists of words handed over between writer and reader."""

    def __init__(self, depth):
        self.depth, self.full, self.bank, self.data = depth, deque(), {}, None
        self.spare = deque([{}, {}])

    def outputs(self, x):
        return {
            "free": int(bool(self.spare)),
            "ready": int(bool(self.full)),
            "read_data": self.data,
        }

    def step(self, x):
        free, ready = bool(self.spare), bool(self.full)
        if free and x["write"]:
            self.spare[0][x["write_address"]] = x["write_data"]
        if ready and x["read"]:
            self.data = self.full[0].get(x["read_address"], None)
        if ready and x["drained"]:
            self.spare.append(self.full.popleft())
        if free and x["filled"]:
            self.full.append(self.spare.popleft())

    @staticmethod
    def inputs(depth, width):
        def draw(rng, _model):
            return {
                "write": int(rng.random() < 0.8), "write_address": rng.randrange(depth),
                "write_data": rng.getrandbits(width), "filled": int(rng.random() < 0.12),
                "read": int(rng.random() < 0.7), "read_address": rng.randrange(depth),
                "drained": int(rng.random() < 0.12),
            }  # fmt: skip

        return draw


class Replay(Model):
    """A list of live words and a read position."""

    def __init__(self, depth):
        self.depth, self.live, self.place, self.data = depth, deque(), 0, deque([None] * 3)

    def outputs(self, x):
        return {
            "i__ready": int(len(self.live) < self.depth),
            "available": int(self.place < len(self.live)),
            "soon": int(self.left(x) > 0),
            "data": self.data[-1],
        }

    def left(self, x):
        """Words that can be read after this cycle."""
        place = 0 if x["rewind"] else self.place + x["take"]
        pushed = x["i__valid"] and len(self.live) < self.depth
        return len(self.live) + pushed - place

    def step(self, x):
        push = x["i__valid"] and len(self.live) < self.depth
        self.data.pop()
        self.data.appendleft(self.live[self.place] if x["take"] else None)
        if x["take"]:
            self.place += 1
            if x["release"]:
                self.live.popleft()
                self.place -= 1
            if x["rewind"]:
                self.place = 0
        if push:
            self.live.append(x["i__payload"])

    @staticmethod
    def inputs(rng, model):
        take = int(model.place < len(model.live) and rng.random() < 0.7)
        release = int(take and model.place == 0 and rng.random() < 0.7)
        rewind = int(take and not release and rng.random() < 0.4)
        return {"take": take, "release": release, "rewind": rewind}


def _stream(name, block, make, model, bits, **more):
    return Unit(name, make, model, {"i": (bits, words(bits))}, block=block, **more)


UNITS = [
    _stream("skid", "skid", lambda: SkidBuffer(width=9), lambda: Queue(2), 9),
    *[
        _stream(f"small_fifo_{d}", "small_fifo" if d == 5 else "",
                lambda d=d: SmallFifo(width=7, depth=d), lambda d=d: Queue(d, level=True), 7)
        for d in (1, 2, 3, 4, 5, 8)
    ],
    *[
        _stream(f"fifo_{d}", "fifo" if d == 5 else "",
                lambda d=d: StreamFifo(width=7, depth=d), lambda d=d: MemoryQueue(d), 7)
        for d in (2, 3, 4, 5, 8)
    ],
    *[
        _stream(f"narrow_{w}_{b}", "narrow" if w == 20 else "",
                lambda w=w, b=b: Narrower(width=w, beat_bits=b), lambda w=w, b=b: Narrow(w, b), w)
        for w, b in ((24, 8), (20, 8), (8, 8), (5, 1), (6, 8))
    ],
    *[
        _stream(f"widen_{w}_{b}", "widen" if w == 20 else "",
                lambda w=w, b=b: Widener(width=w, beat_bits=b), lambda w=w, b=b: Widen(w, b), b)
        for w, b in ((24, 8), (20, 8), (8, 8), (5, 1), (6, 8))
    ],
    *[
        _stream(f"gearbox_{i}_{o}", "gearbox" if (i, o) == (5, 8) else "",
                lambda i=i, o=o: Gearbox(in_bits=i, out_bits=o), lambda i=i, o=o: Gears(i, o), i)
        for i, o in ((5, 8), (8, 5), (8, 8), (3, 12), (12, 3), (1, 7))
    ],
    *[
        Unit(f"arbiter_{p}_{n}", lambda n=n, p=p: StreamArbiter(width=6, count=n, policy=p),
             lambda n=n, p=p: Arbiter(n, p), {f"i__{k}": (6, words(6)) for k in range(n)},
             cycles=800, block=f"arbiter_{p}" if n == 3 else "")
        for n in (1, 2, 3, 4) for p in ("fixed", "round_robin")
    ],
    *[
        Unit(f"double_buffer_{p}_{d}", lambda p=p, d=d: DoubleBuffer(width=6, depth=d, ports=p),
             lambda d=d: Buffers(d), {}, (), Buffers.inputs(d, 6), cycles=800,
             block=f"double_buffer_{p}" if d == 5 else "")
        for p in (1, 2) for d in (2, 5)
    ],
    *[
        Unit(f"replay_{d}", lambda d=d: ReplayBuffer(width=6, depth=d), lambda d=d: Replay(d),
             {"i": (6, words(6))}, (), Replay.inputs, 800, "replay" if d == 5 else "")
        for d in (2, 5, 8)
    ],
]  # fmt: skip
