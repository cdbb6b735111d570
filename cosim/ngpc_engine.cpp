// Runs a stream through a Verilated engine (TOP): loads its memory, with STARTED starts a job, offers
// beats with seeded idle and back-pressure, writes the results and the cycles from the first beat taken
// to the last result. Usage: harness JOB RESULTS; see cosim/ngpc_engine.py for both files. Verilator
// writes a double underscore as ___05F.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>
#include TOP_HEADER
#include "verilated.h"

static uint64_t state;

static bool chance(uint64_t percent) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return ((state * 2685821657736338717ull) >> 33) % 100 < percent;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    VerilatedContext context;
    TOP top{&context};
    FILE* in = std::fopen(argv[1], "rb");
    uint64_t header[8];  // words, beats, results, seed, idle, stall, most cycles, shifts
    if (!in || std::fread(header, 8, 8, in) != 8) return 2;
    const size_t load_size = sizeof(top.load___05Fpayload), in_size = sizeof(top.i___05Fpayload);
    const size_t out_size = sizeof(top.o___05Fpayload);
    std::vector<char> words(header[0] * load_size), given(header[1] * in_size);
    std::vector<char> results(header[2] * out_size);
    if (std::fread(words.data(), 1, words.size(), in) != words.size()) return 2;
    if (std::fread(given.data(), 1, given.size(), in) != given.size()) return 2;
    std::fclose(in);
    state = header[3] * 2 + 1;
    auto edge = [&] { top.clk = 1; top.eval(); };
    auto settle = [&] { top.clk = 0; top.eval(); };
    top.rst = 1;
    settle(); edge(); settle();
    top.rst = 0;
    for (uint64_t at = 0; at < header[0];) {
        top.load___05Fvalid = 1;
        std::memcpy(&top.load___05Fpayload, &words[at * load_size], load_size);
        settle();
        at += top.load___05Fready;
        edge();
    }
    top.load___05Fvalid = 0;
#ifdef STARTED
    top.shifts = header[7];
    top.samples = header[2];
    top.start = 1;
    settle(); edge();
    top.start = 0;
#endif
    uint64_t sent = 0, got = 0, cycle = 0, first = 0;
    bool offered = false;
    while (got < header[2] && cycle < header[6]) {
        offered = sent < header[1] && (offered || !chance(header[4]));
        top.i___05Fvalid = offered;
        if (offered) std::memcpy(&top.i___05Fpayload, &given[sent * in_size], in_size);
        top.o___05Fready = !chance(header[5]);
        settle();
        if (top.i___05Fvalid && top.i___05Fready) {
            if (sent++ == 0) first = cycle;
            offered = false;
        }
        if (top.o___05Fvalid && top.o___05Fready)
            std::memcpy(&results[got++ * out_size], &top.o___05Fpayload, out_size);
        edge();
        ++cycle;
    }
    FILE* out = std::fopen(argv[2], "wb");
    if (!out) return 2;
    uint64_t summary[2] = {got, cycle - first - 1};
    std::fwrite(summary, 8, 2, out);
    std::fwrite(results.data(), 1, results.size(), out);
    std::fclose(out);
    return got == header[2] ? 0 : 3;
}
