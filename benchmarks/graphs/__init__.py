"""Graphs without a network behind them: operations drawn at random, long lists of arguments."""
