"""Configuration: strict YAML, frozen schemas, overrides and sweeps. No NumPy."""
