"""Forecasts of one pair's orbit from its own past: six learners and three baselines behind one interface."""
