"""Orbits of pairs learnt from mergers: neural differential equations, their ensembles and what they are worth."""
