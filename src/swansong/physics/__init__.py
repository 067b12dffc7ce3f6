"""Pure functions of numbers: what general relativity says, without data or networks."""
