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
static const int STATUS = 0x04, JOB = 0x10, JOB_REGISTERS = 7, SPACE = 0x80;  // byte offsets
static const int STREAM_A = 4 * 6;      // of one bit, from JOB on

static Vmatrix_top* top;
static VerilatedContext* context;
static uint64_t clock_cycles = 0;
#if VM_TRACE
static VerilatedVcdC* trace;
#endif

static uint64_t faults;            // bus answers, registers and interrupts other than they must be
static bool written, asked, waiting;  // the cycle before took a write, a read; a read's answer stays

static void low() {  // settle the inputs before the rising edge
    top->clk = 0;
    top->eval();
    faults += top->s_axil_bvalid != written || top->s_axil_rvalid != (asked || waiting);
#if VM_TRACE
    trace->dump(10 * clock_cycles);
#endif
}

static void high() {
    written = top->s_axil_awvalid && top->s_axil_awready;
    waiting = top->s_axil_rvalid && !top->s_axil_rready;
    asked = top->s_axil_arvalid && top->s_axil_arready;
    top->clk = 1;
    top->eval();
#if VM_TRACE
    trace->dump(10 * clock_cycles + 5);
#endif
    ++clock_cycles;
}

static void until_taken(const CData& ready) {  // bounded wait for a register access
    for (int wait = 0; !ready; ++wait) {
        if (wait == REGISTER_WAIT) exit(REGISTER_HUNG);
        high();
        low();
    }
}

static void write_register(uint32_t address, uint32_t value) {
    top->s_axil_awaddr = address;
    top->s_axil_wdata = value;
    top->s_axil_wstrb = 15;
    top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = 1;
    low();
    until_taken(top->s_axil_awready);
    faults += !top->s_axil_wready;
    high();
    top->s_axil_awvalid = top->s_axil_wvalid = 0;
}

static uint32_t answer(int stall) {  // a read's answer, which must stay for `stall` cycles
    top->s_axil_rready = 0;
    low();
    uint32_t value = top->s_axil_rdata;
    for (int i = 0; i < stall; ++i) {
        high();
        low();
        faults += top->s_axil_rdata != value;
    }
    top->s_axil_rready = 1;
    low();
    if (!top->s_axil_rvalid) exit(REGISTER_HUNG);
    return value;
}

static uint32_t read_register(uint32_t address) {
    top->s_axil_araddr = address;
    top->s_axil_arvalid = 1;
    low();
    until_taken(top->s_axil_arready);
    high();
    top->s_axil_arvalid = 0;
    uint32_t value = answer(0);
    high();
    return value;
}

static void read_two(uint32_t first, uint32_t one, uint32_t second, uint32_t other) {
    top->s_axil_araddr = first;  // the second read is asked for while the first one's answer waits
    top->s_axil_arvalid = 1;
    low();
    until_taken(top->s_axil_arready);
    high();
    top->s_axil_araddr = second;
    faults += answer(2) != one;
    until_taken(top->s_axil_arready);
    high();
    top->s_axil_arvalid = 0;
    faults += answer(1) != other;
    high();
}

static void write_job(const uint64_t* registers) {
    for (int pass = 0; pass < 2; ++pass) {  // other bits first, so that each is seen to change
        uint32_t flip = pass ? 0 : 0xFFFF;
        for (int i = 0; i < JOB_REGISTERS; ++i) write_register(JOB + 4 * i, registers[i] ^ flip);
        for (int at = 0; at < SPACE; at += 4)  // no other address changes them, or starts the job
            if (at < JOB || at >= JOB + 4 * JOB_REGISTERS) write_register(at, 0xFFFFFFFE);
        for (int i = 0; i < JOB_REGISTERS; ++i) {
            int next = (i + 1) % JOB_REGISTERS;
            uint32_t mask = 4 * i == STREAM_A ? 1 : 0xFFFF, after = 4 * next == STREAM_A ? 1 : 0xFFFF;
            read_two(JOB + 4 * i, (registers[i] ^ flip) & mask,
                     JOB + 4 * next, (registers[next] ^ flip) & after);
        }
    }
    static bool first = true;  // no job has finished before the first
    faults += read_register(STATUS) != (first ? 0 : 2);
    first = false;
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
    faults = 0;
    write_job(h.registers);
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
    uint64_t status[13] = {got == h.beats_out, sent, got, last_at, read_register(STATUS),
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
