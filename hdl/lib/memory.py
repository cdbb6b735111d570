"""A simple dual-port memory: one write port, one synchronous read port, one clock."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

MODULE = "matrix_memory"

VERILOG = f"""\
module {MODULE} #(
  parameter WIDTH = 1,
  parameter DEPTH = 2,
  parameter ADDRESS = 1
) (
  input clk,
  input write_en,
  input [ADDRESS-1:0] write_addr,
  input [WIDTH-1:0] write_data,
  input read_en,
  input [ADDRESS-1:0] read_addr,
  output reg [WIDTH-1:0] read_data
);
  (* no_rw_check *)
  reg [WIDTH-1:0] words [0:DEPTH-1];
  always @(posedge clk)
    if (write_en) words[write_addr] <= write_data;
  always @(posedge clk)
    if (read_en) read_data <= words[read_addr];
endmodule
"""
"""The memory as block RAM inference wants it: no reset, no initial contents, no bypass."""


class BufferMemory(wiring.Component):
    """``depth`` words of ``width`` bits.

    With ``verilog`` it is an instance of the hand-written module ``VERILOG``, since Amaranth writes
    an initial value for every word; otherwise Amaranth's memory with the same behaviour.

    Ports: ``write_en`` (1), ``write_addr``, ``write_data`` (width), in; ``read_en`` (1),
    ``read_addr``, in; ``read_data`` (width, out): the word of the cycle before, kept while
    ``read_en`` is 0. A word being written reads as anything.
    """

    def __init__(self, *, width: int, depth: int, verilog: bool = False) -> None:
        self.width = width
        self.depth = depth
        self.verilog = verilog
        self.address_bits = max(1, (depth - 1).bit_length())
        self.store = None if verilog else Memory(shape=width, depth=depth, init=[])
        super().__init__(
            {
                "write_en": In(1),
                "write_addr": In(self.address_bits),
                "write_data": In(width),
                "read_en": In(1),
                "read_addr": In(self.address_bits),
                "read_data": Out(width),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        if self.store is None:
            m.submodules.store = Instance(
                MODULE,
                p_WIDTH=self.width,
                p_DEPTH=self.depth,
                p_ADDRESS=self.address_bits,
                i_clk=ClockSignal(),
                i_write_en=self.write_en,
                i_write_addr=self.write_addr,
                i_write_data=self.write_data,
                i_read_en=self.read_en,
                i_read_addr=self.read_addr,
                o_read_data=self.read_data,
            )
            return m
        m.submodules.store = memory = self.store
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_addr),
            write.data.eq(self.write_data),
            read.en.eq(self.read_en),
            read.addr.eq(self.read_addr),
            self.read_data.eq(read.data),
        ]
        return m
