"""Co-simulation of the generated RTL with cocotb against the functional models."""
