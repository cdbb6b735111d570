"""Which kernels the GPU libraries have: names, tiles, legality."""
