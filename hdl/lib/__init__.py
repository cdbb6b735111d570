"""Building blocks: buffers, FIFOs, streams, AXI."""
