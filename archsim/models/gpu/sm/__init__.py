"""The instruction-level SM: functional execution of machine code and its timing."""
