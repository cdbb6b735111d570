"""The layout of decoded machine code: columns of the code matrix and functional opcode numbers.

One row of ``code`` (int64) is one instruction. Operands name *rows of lanes*: 32 words of the flat
register array. A value v >= 0 is the lane offset of a row of the warp's own registers; v < 0 means
the row at offset ~v of the pool, which holds zero rows, immediates and constants, all broadcast.
Predicates are numbers 0..6 (P), 7 (true), 8..14 (UP), 15 (true), 16 (thrown away); as a source,
bit 5 negates.
"""

from __future__ import annotations

OP, GUARD, UNIFORM, D, A, B, C, MODS, PD0, PD1, PS0, PS1, SUB, IMM, WIDTH, EXTRA = range(16)
COLUMNS = 16

NEGATE, ABSOLUTE, INVERT = 1, 2, 4  # of operand A; shifted by 4 for B and by 8 for C
PRED_TRUE, PRED_JUNK, PRED_NEGATE = 7, 16, 32
PRED_FALSE = PRED_TRUE | PRED_NEGATE
PREDICATES = 20  # words per warp

(
    NOP, MOV, IADD3, IMAD, IMADW, LOP3, SHF, LEA, ISETP, SEL, VMNMX, PRMT, BITOP, DOT,
    FARITH, FSETP, FMNMX, FCHK, MUFU, DARITH, DSETP, CONV, HARITH, HSETP, HMNMX, PACK,
    PLOP3, VOTE, SHFL, S2R, R2UR, P2R, R2P, MATCH, REDUX, ELECT, B2R, ADDRESS_SPACE,
) = range(38)  # fmt: skip
LOAD, STORE, ATOM, LDC, LDGSTS, LDSM, STSM = range(40, 47)
HMMA, IMMA, DMMA, MOVM, WGMMA = range(50, 55)
SYNCS, BULK, TMA, STAS, ARRIVES = range(60, 65)
BRA, EXIT, BSSY, BSYNC, BREAK, WARPSYNC, RET, BRX, BAR, YIELD, CGA_ARRIVE, CGA_WAIT, BMOV = range(
    80, 93
)
FIRST_MEMORY, LAST_MEMORY = LOAD, STSM

# Spaces of memory instructions (column EXTRA).
GLOBAL, SHARED, LOCAL, GENERIC, CONSTANT = range(5)
# Address modes (column PS0 of memory instructions): a 32-bit register, a 64-bit pair,
# or a 32-bit register added to a 64-bit uniform pair.
ADDRESS32, ADDRESS64, ADDRESS_MIXED = range(3)
