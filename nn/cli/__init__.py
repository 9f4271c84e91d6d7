"""The command line, ``python -m nn``: the demonstration, and commands that train, predict, evaluate, draw, export."""
