"""A recording becomes a program over a few classes, with its gradient, in an order that suits memory.

1. ``classes.py`` is the representation; ``indices.py`` its index maps; ``builder.py`` writes programs, by computing.
2. ``members.py`` says which nodes do the same, and ``group.py`` makes arrays of them.
3. ``differentiate.py``: the engine's one sweep and the rows of the table, over classes instead of nodes.
4. ``schedule.py`` and ``nests.py``: the steps of a program, and the loops over memory that each of them is.
"""
