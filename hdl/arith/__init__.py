"""Arithmetic: multiply-accumulate, requantisation, tables."""
