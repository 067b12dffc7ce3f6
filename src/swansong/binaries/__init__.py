"""Pairs of supermassive black holes: mergers of galaxies, learnt orbits, merger times, their background."""
