"""The semi-analytical way of a pair to coalescence: hardening by stars, Peters' formulas, merger times."""
