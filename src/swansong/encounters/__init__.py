"""Bursts of gravitational waves from highly eccentric close encounters of black holes."""
