// Runs jobs on a Verilated matrix_top: AXI4-Lite control, AXI4-Stream data, seeded idle and
// back-pressure, bounded waits. Usage: harness JOBS RESULTS. Both files hold little-endian
// 64-bit words; see cosim/compiled.py, which writes the one and reads the other.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include "Vmatrix_top.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

static const int REGISTER_WAIT = 1000;  // cycles; a register access takes one
static const int REGISTER_HUNG = 4;     // exit code

static Vmatrix_top* top;
static VerilatedContext* context;
static uint64_t clock_cycles = 0;
#if VM_TRACE
static VerilatedVcdC* trace;
#endif

static void low() {  // settle the inputs before the rising edge
    top->clk = 0;
    top->eval();
#if VM_TRACE
    trace->dump(10 * clock_cycles);
#endif
}

static void high() {
    top->clk = 1;
    top->eval();
#if VM_TRACE
    trace->dump(10 * clock_cycles + 5);
#endif
    ++clock_cycles;
}

static void write_register(uint32_t address, uint32_t value) {
    top->s_axil_awaddr = address;
    top->s_axil_wdata = value;
    top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = 1;
    low();
    for (int wait = 0; !top->s_axil_awready || !top->s_axil_wready; ++wait) {
        if (wait == REGISTER_WAIT) exit(REGISTER_HUNG);
        high();
        low();
    }
    high();
    top->s_axil_awvalid = top->s_axil_wvalid = 0;
}

static uint32_t read_register(uint32_t address) {
    top->s_axil_araddr = address;
    top->s_axil_arvalid = top->s_axil_rready = 1;
    low();
    for (int wait = 0; !top->s_axil_arready; ++wait) {
        if (wait == REGISTER_WAIT) exit(REGISTER_HUNG);
        high();
        low();
    }
    high();
    top->s_axil_arvalid = 0;
    low();
    if (!top->s_axil_rvalid) exit(REGISTER_HUNG);
    uint32_t value = top->s_axil_rdata;
    high();
    return value;
}

static uint64_t random_state;
static uint32_t random_percent() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 20) % 100;
}

struct Header {
    uint64_t registers[7], beats_in, beats_out, seed, idle, stall, limit, shared;
};

static bool run(FILE* in, FILE* out, size_t port) {
    Header h;
    if (fread(&h, sizeof h, 1, in) != 1) return false;
    std::vector<uint8_t> data(h.beats_in * port), results(h.beats_out * port);
    if (h.beats_in && fread(data.data(), port, h.beats_in, in) != h.beats_in) return false;
    for (int i = 0; i < 7; ++i) write_register(0x10 + 4 * i, h.registers[i]);
    // registers that read otherwise, cycles with a wrong interrupt (whose name Verilator changes)
    uint64_t faults = 0;
    for (int i = 0; i < 7; ++i) faults += read_register(0x10 + 4 * i) != h.registers[i];
    random_state = h.seed * 2654435761u + 88172645463325252ull;
    uint64_t sent = 0, got = 0, last_at = 0, waited = 0;
    write_register(0x00, 1);
    bool offering = false;
    while (got < h.beats_out && waited < h.limit) {
        top->m_axis_tready = !(h.stall && random_percent() < h.stall);
        if (!offering) offering = sent < h.beats_in && !(h.idle && random_percent() < h.idle);
        top->s_axis_tvalid = offering;
        if (offering) memcpy(&top->s_axis_tdata, &data[sent * port], port);
        low();
        faults += top->__SYM__interrupt && got < h.beats_out;
        bool output = top->m_axis_tvalid && top->m_axis_tready;
        if (h.shared && output && offering) {  // one memory: a write takes the cycle
            top->s_axis_tvalid = 0;
            top->eval();
        }
        bool input = top->s_axis_tvalid && top->s_axis_tready;
        if (output) {
            memcpy(&results[got * port], &top->m_axis_tdata, port);
            ++got;
            if (top->m_axis_tlast && !last_at) last_at = got;
        }
        if (input) { ++sent; offering = false; }
        waited = input || output ? 0 : waited + 1;
        high();
    }
    top->s_axis_tvalid = top->m_axis_tready = 0;
    for (int i = 0; i < 8; ++i) { low(); high(); }
    faults += !top->__SYM__interrupt && got == h.beats_out;
    uint64_t status[13] = {got == h.beats_out, sent, got, last_at, read_register(0x04),
                           read_register(0x0C)};
    for (int i = 0; i < 6; ++i) status[6 + i] = read_register(0x40 + 4 * i);
    status[12] = faults;
    fwrite(status, sizeof status, 1, out);
    fwrite(results.data(), port, results.size() / port, out);
    return got == h.beats_out;
}

int main(int count, char** arguments) {
    if (count != 3) return 2;
    context = new VerilatedContext;
    context->commandArgs(count, arguments);
#if VM_TRACE
    context->traceEverOn(true);
#endif
    top = new Vmatrix_top{context};
#if VM_TRACE
    trace = new VerilatedVcdC;
    top->trace(trace, 99);
    trace->open((std::string(arguments[2]) + ".vcd").c_str());
#endif
    FILE* in = fopen(arguments[1], "rb");
    FILE* out = fopen(arguments[2], "wb");
    uint64_t head[2];
    if (!in || !out || fread(head, sizeof head, 1, in) != 1) return 2;
    top->rst = 1;
    for (int i = 0; i < 4; ++i) { low(); high(); }
    top->rst = 0;
    bool fine = true;
    for (uint64_t i = 0; i < head[0] && fine; ++i) fine = run(in, out, head[1]);
    fclose(out);
#if VM_TRACE
    trace->close();
#endif
    return fine ? 0 : 3;
}
