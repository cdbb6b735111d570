"""Hardware of the neural field processor."""
