"""Follow-up of a candidate: the posterior of its source, and what a global fit wants of it."""
