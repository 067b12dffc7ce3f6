"""Amplitudes of all harmonics of generic Kerr orbits, at once."""
