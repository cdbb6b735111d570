// Plays a list of operations on a Verilated neural field processor: register writes and reads, beats
// that load memories, and jobs with seeded idle cycles and back-pressure.
// Usage: harness OPERATIONS RESULTS; see cosim/ngpc.py for both files.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>
#include "Vngpc_top.h"
#include "verilated.h"

static Vngpc_top* top;
static uint64_t state;
static uint64_t cycle;

static bool chance(uint64_t percent) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return ((state * 2685821657736338717ull) >> 33) % 100 < percent;
}

static void settle() { top->clk = 0; top->eval(); }
static void edge() { top->clk = 1; top->eval(); ++cycle; }

static void write(uint32_t address, uint32_t value) {
    top->s_axil_awaddr = address;
    top->s_axil_wdata = value;
    top->s_axil_wstrb = 15;
    top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = 1;
    for (bool done = false; !done;) {
        settle();
        done = top->s_axil_awready;
        edge();
    }
    top->s_axil_awvalid = top->s_axil_wvalid = 0;
    settle();
    edge();
}

static uint32_t read(uint32_t address) {
    top->s_axil_araddr = address;
    top->s_axil_arvalid = top->s_axil_rready = 1;
    settle();
    edge();
    top->s_axil_arvalid = 0;
    settle();
    uint32_t value = top->s_axil_rdata;
    edge();
    return value;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    VerilatedContext context;
    top = new Vngpc_top(&context);
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    if (!in || !out) return 2;
    const size_t in_size = sizeof(top->s_axis_tdata), out_size = sizeof(top->m_axis_tdata);
    top->rst = 1;
    settle(); edge();
    top->rst = 0;
    uint64_t op[6];  // kind, two numbers, seed, idle, stall
    while (std::fread(op, 8, 6, in) == 6) {
        if (op[0] == 0) { write(op[1], op[2]); continue; }
        if (op[0] == 1) { uint64_t v = read(op[1]); std::fwrite(&v, 8, 1, out); continue; }
        // 2: a job or a load of op[1] beats that gives op[2] beats
        std::vector<char> beats(op[1] * in_size), results(op[2] * out_size);
        if (std::fread(beats.data(), 1, beats.size(), in) != beats.size()) return 2;
        state = op[3] * 2 + 1;
        uint64_t sent = 0, got = 0, quiet = 0, lasts = 0, first = 0, end = 0;
        bool offered = false;
        while ((sent < op[1] || got < op[2]) && quiet < 100000) {
            offered = sent < op[1] && (offered || !chance(op[4]));
            top->s_axis_tvalid = offered;
            if (offered) std::memcpy(&top->s_axis_tdata, &beats[sent * in_size], in_size);
            top->m_axis_tready = got < op[2] && !chance(op[5]);
            settle();
            ++quiet;
            if (top->s_axis_tvalid && top->s_axis_tready) {
                if (sent++ == 0) first = cycle;
                offered = false;
                quiet = 0;
            }
            if (top->m_axis_tvalid && top->m_axis_tready) {
                std::memcpy(&results[got++ * out_size], &top->m_axis_tdata, out_size);
                if (top->m_axis_tlast) lasts = lasts ? ~0ull : got;
                quiet = 0;
                end = cycle;
            }
            edge();
        }
        top->s_axis_tvalid = top->m_axis_tready = 0;
        for (int n = 0; n < 4; ++n) { settle(); edge(); }
        uint64_t facts[4] = {sent, got, lasts, end - first};
        std::fwrite(facts, 8, 4, out);
        std::fwrite(results.data(), 1, results.size(), out);
        if (sent < op[1] || got < op[2]) break;
    }
    std::fclose(out);
    return 0;
}
