"""Machine code for programs: their steps as kernels (code) and descriptors (numbers), run over a frame of memory.

``lower.py`` turns the steps of a schedule into kernels and descriptors, and ``memory.py`` gives the arrays their
places.  ``texts.py`` is what all kernels share; ``maps.py``, ``sums.py``, ``exact.py`` and
``choices.py`` write one kind each.  ``library.py`` compiles a kernel once in a process, ``store.py`` keeps it on disk.

``machine.py`` runs a program.  ``resident.py`` and ``layout.py`` run steps of training whose numbers stay in memory, in
a ``home.py``; ``points.py`` runs a function of a few numbers, ``tape.py`` and ``cases.py`` a graph in which hardly two
nodes do the same.

``identical.py`` compares what a function reads outside with what was there when it was recorded; ``values.py`` reads
the data of many Values and adds to their gradients; ``lists.py`` reads and writes lists of floats, and ``arguments.py``
takes nested ones apart.  The instructions of LLVM, vector mathematics, and functions that Python can call come from
``native/``; so does ``translate.py``: whatever is no vector code is written in a few words of Python.
"""
