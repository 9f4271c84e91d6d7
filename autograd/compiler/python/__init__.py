"""The back end without dependencies: programs as readable Python source.

``writer.py`` writes a program, one line a class, and runs it; ``sums.py`` writes sums of products and choices at run
time.  ``lines.py`` and ``walks.py``: what arrays are called, and how they and their index maps are read.  ``text.py``
and ``runtime.py``: the lines as a module, and what it calls.
"""
