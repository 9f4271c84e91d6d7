"""The back end without dependencies: programs as readable Python source.

``writer.py`` writes a program, one line a class, as a module, and runs it; ``sums.py`` writes sums of products and
choices at run time.  ``lines.py`` and ``walks.py``: what arrays are called, and how they and their index maps are read.
``runtime.py``: what the source calls.
"""
