"""Turns a recording into a program over a few classes, with its gradient and with loops that suit memory.

1. ``classes.py`` defines programs, and ``indices.py`` their index maps.  ``builder.py`` writes a program by computing.
2. ``members.py`` finds the nodes that do the same, and ``group.py`` makes an array of each such class.
3. ``differentiate.py`` runs the engine's backward sweep, with the rows of the table, over classes instead of nodes.
4. ``schedule.py`` splits a program into steps, and ``nests.py`` finds the loops over memory of each step.
"""
