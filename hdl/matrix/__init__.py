"""The tiled matrix engine."""
