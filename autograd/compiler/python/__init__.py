"""The back end without dependencies: programs as readable Python source.

``kernel.py`` runs a program as a Python function.  ``writer.py`` writes it, one line a class, with ``sums.py`` for
sums of products and ``choices.py`` for choices at run time.  ``lines.py`` and ``walks.py``: how arrays and index maps
are read; ``names.py``: what arrays are called; ``expressions.py``: the rows of the table; ``text.py`` and
``runtime.py``: the lines as a module, and what it calls.
"""
