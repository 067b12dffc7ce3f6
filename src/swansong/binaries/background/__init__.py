"""The gravitational-wave background of a population of pairs, hardened by stars and by their own waves."""
