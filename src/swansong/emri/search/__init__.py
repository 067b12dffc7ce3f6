"""Semi-coherent search for extreme-mass-ratio inspirals."""
