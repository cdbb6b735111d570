"""Proofs and mutants of components, with Yosys."""
