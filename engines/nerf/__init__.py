"""The face: a grid-NeRF portrait field exported as one graph and run on the CPU."""
