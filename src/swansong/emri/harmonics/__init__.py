"""Harmonics of inspirals: their amplitudes along a track, and the signals they leave in LISA's data."""
