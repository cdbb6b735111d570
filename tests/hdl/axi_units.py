"""Units of hdl.lib's AXI components: each beside a naive model, and the bus's other side."""

from __future__ import annotations

from collections import deque

from unit_harness import Model, Unit

from hdl.lib.axi_burst import BurstSplitter
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_master import AxiReader, AxiWriter
from hdl.lib.axi_stream import AxiStreamReceiver, AxiStreamTransmitter

ADDRESS, COUNT = 16, 12


class Offer:
    """A word made by the bus's other side, offered until it is taken; garbage while idle."""

    def __init__(self, bits):
        self.bits, self.word = bits, None

    def drive(self, rng, rate, make=None):
        """Return valid and payload; ``make`` gives the next word, None while there is none."""
        if self.word is None and rng.random() < rate:
            self.word = make() if make else rng.getrandbits(self.bits)
        idle = rng.getrandbits(self.bits)
        return (0, idle) if self.word is None else (1, self.word)

    def after(self, ready):
        if ready:
            self.word = None


def bursts_of(request, beat_bytes, max_burst):
    """Walk a transfer beat by beat: [[address, beats, last of its transfer]]."""
    address = request & ((1 << ADDRESS) - 1)
    address -= address % beat_bytes
    found = []
    for _ in range(request >> ADDRESS):
        if not found or address % 4096 == 0 or found[-1][1] == max_burst:
            found.append([address, 0, 0])
        found[-1][1] += 1
        address = (address + beat_bytes) % (1 << ADDRESS)
    if found:
        found[-1][2] = 1
    return deque(found)


class Splitter(Model):
    """The bursts of one transfer after the other."""

    def __init__(self, beat_bytes, max_burst):
        self.shape, self.todo = (beat_bytes, max_burst), deque()

    def outputs(self, x):
        word = None
        if self.todo:
            address, beats, last = self.todo[0]
            word = address | (beats - 1) << ADDRESS | last << (ADDRESS + 8)
        return {
            "i__ready": int(not self.todo), "o__valid": int(bool(self.todo)), "o__payload": word,
        }  # fmt: skip

    def step(self, x):
        if self.todo:
            if x["o__ready"]:
                self.todo.popleft()
        elif x["i__valid"]:
            self.todo = bursts_of(x["i__payload"], *self.shape)


class Manager(Model):
    """Address channel ``prefix``: bursts go out while fewer than ``most`` are open."""

    prefix = ""

    def __init__(self, data_bits, most, max_burst):
        self.bits, self.most, self.shape = data_bits, most, (data_bits // 8, max_burst)
        self.todo, self.open = deque(), deque()

    def address(self):
        valid = bool(self.todo) and len(self.open) < self.most
        where, beats = self.todo[0][:2] if valid else (None, None)
        p = f"axi__{self.prefix}"
        return {
            "i__ready": int(not self.todo), p + "valid": int(valid), p + "addr": where,
            p + "len": beats - 1 if valid else None, p + "size": self.shape[0].bit_length() - 1,
            p + "burst": 1, p + "cache": 3, p + "prot": 0,
        }  # fmt: skip

    def send(self, x):
        """Take a transfer or send a burst; return the burst."""
        if not self.todo:
            if x["i__valid"]:
                self.todo = bursts_of(x["i__payload"], *self.shape)
        elif len(self.open) < self.most and x[f"axi__{self.prefix}ready"]:
            self.open.append(self.todo.popleft())
            return self.open[-1]
        return None


class Reader(Manager):
    """Data passes through; a transfer's last burst marks its last beat."""

    prefix = "ar"

    def __init__(self, *shape):
        super().__init__(*shape)
        self.left, self.offer = deque(), Offer(self.bits + 3)

    def inputs(self, rng):
        """Draw the memory's side: beats of the bursts that it has, in order."""

        def beat():
            if not self.left:
                return None
            response = rng.choice([0, 0, 0, 1, 2, 3])
            return (
                rng.getrandbits(self.bits)
                | response << self.bits
                | (int(self.left[0] == 1) << (self.bits + 2))
            )

        valid, word = self.offer.drive(rng, self.offered, beat)
        return {
            "axi__arready": int(rng.random() < self.taken), "axi__rvalid": valid,
            "axi__rdata": word & ((1 << self.bits) - 1), "axi__rresp": word >> self.bits & 3,
            "axi__rlast": word >> (self.bits + 2),
        }  # fmt: skip

    def outputs(self, x):
        word = None
        if x["axi__rvalid"]:
            last = x["axi__rlast"] and self.open[0][2]
            error = int(x["axi__rresp"] >= 2)
            word = x["axi__rdata"] | last << self.bits | error << (self.bits + 1)
        return self.address() | {
            "o__valid": x["axi__rvalid"], "o__payload": word, "axi__rready": x["o__ready"],
        }  # fmt: skip

    def step(self, x):
        sent = self.send(x)
        if x["axi__rvalid"] and x["o__ready"]:
            self.left[0] -= 1
            if not self.left[0]:
                self.left.popleft()
                self.open.popleft()
            self.offer.after(True)
        if sent:
            self.left.append(sent[1])


class Writer(Manager):
    """Data follows its bursts; a word on ``o`` once all responses of a transfer are in."""

    prefix = "aw"

    def __init__(self, *shape):
        super().__init__(*shape)
        self.left, self.done, self.offer = deque(), 0, Offer(2)
        self.failed, self.out = False, None

    def inputs(self, rng):
        """Draw the memory's side: a response for each burst whose data it has."""
        valid, word = self.offer.drive(
            rng, self.offered, lambda: rng.choice([0, 0, 0, 0, 1, 2, 3]) if self.done else None
        )
        return {
            "axi__awready": int(rng.random() < self.taken), "axi__bvalid": valid,
            "axi__wready": int(rng.random() < self.taken), "axi__bresp": word,
        }  # fmt: skip

    def outputs(self, x):
        valid = x["d__valid"] and bool(self.left)
        return self.address() | {
            "d__ready": int(x["axi__wready"] and bool(self.left)), "axi__wvalid": int(valid),
            "axi__wdata": x["d__payload"] if valid else None, "axi__wstrb": -1,
            "axi__wlast": int(self.left[0] == 1) if valid else None,
            "axi__bready": int(self.out is None or x["o__ready"]),
            "o__valid": int(self.out is not None), "o__payload": self.out,
        }  # fmt: skip

    def step(self, x):
        y = self.outputs(x)
        sent = self.send(x)
        if x["o__ready"]:
            self.out = None
        if x["axi__bvalid"] and y["axi__bready"]:
            self.offer.after(True)
            self.done -= 1
            self.failed = self.failed or x["axi__bresp"] >= 2
            if self.open.popleft()[2]:
                self.out, self.failed = int(self.failed), False
        if y["axi__wvalid"] and x["axi__wready"]:
            self.left[0] -= 1
            if not self.left[0]:
                self.left.popleft()
                self.done += 1
        if sent:
            self.left.append(sent[1])


class Registers(Model):
    """A list of bytes behind AXI4-Lite, written by strobe."""

    def __init__(self, controls, statuses):
        self.controls, self.statuses = controls, statuses
        self.address_bits = max(3, (controls + statuses - 1).bit_length() + 2)
        self.bytes, self.written = bytearray(4 * controls), 0
        self.answered, self.read = False, None
        self.aw, self.w, self.ar = Offer(self.address_bits), Offer(36), Offer(self.address_bits)

    def inputs(self, rng):
        """Draw the software's side and the status registers."""
        x = {}
        for name, offer in (("awaddr", self.aw), ("wdata", self.w), ("araddr", self.ar)):
            x[f"bus__{name[:-4]}valid"], x[f"bus__{name}"] = offer.drive(rng, self.offered)
        x["bus__wstrb"], x["bus__wdata"] = x["bus__wdata"] >> 32, x["bus__wdata"] & 0xFFFFFFFF
        x |= {f"bus__{p}ready": int(rng.random() < self.taken) for p in "br"}
        if self.statuses:
            x["status"] = rng.getrandbits(32 * self.statuses)
        return x

    def outputs(self, x):
        accept = x["bus__awvalid"] and x["bus__wvalid"] and not self.answered
        return {
            "bus__awready": int(accept), "bus__wready": int(accept), "bus__bresp": 0,
            "bus__bvalid": int(self.answered), "bus__arready": int(self.read is None),
            "bus__rvalid": int(self.read is not None), "bus__rdata": self.read, "bus__rresp": 0,
            "control": int.from_bytes(self.bytes, "little"), "written": self.written,
        }  # fmt: skip

    def step(self, x):
        accept = self.outputs(x)["bus__awready"]
        ask = x["bus__arvalid"] and self.read is None
        if ask:
            status = x.get("status", 0).to_bytes(4 * self.statuses, "little")
            at = x["bus__araddr"] // 4 * 4
            seen = (bytes(self.bytes) + status)[at : at + 4]  # nothing, 0, above the last
            self.read = int.from_bytes(seen, "little")
        elif x["bus__rready"]:
            self.read = None
        self.written = 0
        if accept:
            number = x["bus__awaddr"] // 4
            if number < self.controls:
                self.written = 1 << number
                for n, byte in enumerate(x["bus__wdata"].to_bytes(4, "little")):
                    if x["bus__wstrb"] >> n & 1:
                        self.bytes[4 * number + n] = byte
        self.answered = bool(accept) or (self.answered and not x["bus__bready"])
        self.ar.after(ask)
        self.aw.after(accept)
        self.w.after(accept)


class Beats(Model):
    """Up to two beats (data, keep, last) wait; ``axis`` is the entry or the exit."""

    def __init__(self, bits, entry):
        self.bits, self.entry, self.held = bits, entry, deque()
        self.offer = Offer(bits + bits // 8 + 1)

    def split(self, word):
        keep = word >> self.bits & ((1 << self.bits // 8) - 1)
        data, last = word & ((1 << self.bits) - 1), word >> (self.bits + self.bits // 8)
        return {"axis__tdata": data, "axis__tkeep": keep, "axis__tlast": last}

    def inputs(self, rng):
        if not self.entry:
            return {"axis__tready": int(rng.random() < self.taken)}
        valid, word = self.offer.drive(rng, self.offered)
        return self.split(word) | {"axis__tvalid": valid}

    def outputs(self, x):
        ready, valid = int(len(self.held) < 2), int(bool(self.held))
        if self.entry:
            word = self.held[0] if valid else None
            return {"axis__tready": ready, "o__valid": valid, "o__payload": word}
        nothing = dict.fromkeys(self.split(0))
        return {"i__ready": ready, "axis__tvalid": valid} | (
            self.split(self.held[0]) if valid else nothing
        )

    def step(self, x):
        ready = len(self.held) < 2
        if self.held and x["o__ready" if self.entry else "axis__tready"]:
            self.held.popleft()
        valid = x["axis__tvalid" if self.entry else "i__valid"]
        if valid and ready:
            self.held.append(self.offer.word if self.entry else x["i__payload"])
            self.offer.after(self.entry)


def drawn(rng, model):
    return model.inputs(rng)


def words(bits, count=1000):
    return bits, lambda rng: [rng.getrandbits(bits) for _ in range(count)]


def transfers(beat_counts):
    """Draw transfers near page borders, of ``beat_counts`` beats or fewer than 2 ** COUNT."""

    def draw(rng):
        for _ in range(300):
            page = rng.getrandbits(ADDRESS) & -4096
            address = rng.choice([page, page - 64, page + 8, rng.getrandbits(ADDRESS)])
            yield (
                address % (1 << ADDRESS) | (rng.choice(beat_counts(rng)) % (1 << COUNT)) << ADDRESS
            )

    return ADDRESS + COUNT, draw


def long(rng):
    return [0, 1, 2, 255, 256, 257, 512, rng.getrandbits(COUNT)]


def short(rng):
    return [0, 1, 2, 3, 5, 8, 17, rng.randrange(40)]


def various(rng):
    return [*short(rng), rng.choice([129, 254, 255, 256, 257, 300])]


def manager(name, make, model, sources, data_bits, outstanding, max_burst, beats, block=""):
    shape = (data_bits, outstanding, max_burst)
    return Unit(
        name,
        lambda: make(address_bits=ADDRESS, data_bits=data_bits, count_bits=COUNT,
                     outstanding=outstanding, max_burst=max_burst),
        lambda: model(*shape), {"i": transfers(beats)} | sources, ("o",), drawn, 1000, block,
    )  # fmt: skip


SHAPES = [(32, 4, 256, various), (8, 1, 4, short), (128, 2, 16, long), (64, 3, 1, short)]
UNITS = [
    *[
        Unit(f"splitter_{b}_{n}",
             lambda b=b, n=n: BurstSplitter(
                 address_bits=ADDRESS, count_bits=COUNT, beat_bytes=b, max_burst=n),
             lambda b=b, n=n: Splitter(b, n), {"i": transfers(long)},
             block="splitter" if b == 8 else "")
        for b, n in ((8, 256), (1, 256), (128, 16), (4, 1))
    ],
    *[
        manager(f"axi_reader_{d}_{o}_{n}", AxiReader, Reader, {}, d, o, n, beats,
                "axi_reader" if d == 32 else "")
        for d, o, n, beats in SHAPES
    ],
    *[
        manager(f"axi_writer_{d}_{o}_{n}", AxiWriter, Writer, {"d": words(d)}, d, o, n, beats,
                "axi_writer" if d == 32 else "")
        for d, o, n, beats in SHAPES
    ],
    *[
        Unit(f"control_status_{c}_{s}", lambda c=c, s=s: ControlStatus(controls=c, statuses=s),
             lambda c=c, s=s: Registers(c, s), {}, (), drawn, 600,
             "control_status" if c == 3 else "")
        for c, s in ((1, 0), (3, 2), (4, 4))
    ],
    *[
        Unit(f"axi_stream_in_{b}", lambda b=b: AxiStreamReceiver(data_bits=b),
             lambda b=b: Beats(b, True), {}, ("o",), drawn,
             block="axi_stream_in" if b == 16 else "")
        for b in (8, 16)
    ],
    *[
        Unit(f"axi_stream_out_{b}", lambda b=b: AxiStreamTransmitter(data_bits=b),
             lambda b=b: Beats(b, False), {"i": words(b + b // 8 + 1)}, (), drawn,
             block="axi_stream_out" if b == 16 else "")
        for b in (8, 16)
    ],
]  # fmt: skip
