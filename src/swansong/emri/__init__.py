"""Extreme-mass-ratio inspirals: tracks, signals in LISA, the search for them and what follows a detection."""
