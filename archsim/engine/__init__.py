"""The timing engines. Numba is imported by ``archsim.engine.jit`` only."""
