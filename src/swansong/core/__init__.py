"""What every part of swansong stands on: errors, constants, configuration, files, provenance and progress.

Nothing here imports JAX except `swansong.core.types`, which only names array types.
"""
