"""The command `swansong`: one verb, one function; `swansong.cli.main.main` runs them.

Nothing here imports JAX at once: a verb checks its arguments and its configuration first
and only then imports the module that computes (`ringdown_infer` and its like).
"""
