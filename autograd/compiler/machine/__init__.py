"""Machine code for programs: their steps as kernels (code) and descriptors (numbers), run over a frame of memory.

1. ``lower.py`` turns the steps of a schedule into kernels and descriptors, and ``memory.py`` gives the arrays their
   places.  ``texts.py`` is what the kernels with vectors share; ``maps.py`` and ``sums.py`` write one kind each,
   ``loops.py`` those that are plain loops.  ``library.py`` compiles a kernel once in a process, and keeps it
   and programs on disk.
2. ``machine.py`` runs a program.  ``resident.py``, ``held.py`` and ``layout.py`` run steps of training whose numbers
   stay in memory; ``points.py`` runs a function of a few numbers, ``tape.py`` a graph in which hardly two nodes do the
   same.
3. ``objects.py`` reads and writes the numbers in many Values and in lists of floats, ``arguments.py`` those of a call;
   ``identical.py`` compares what a function reads outside with what was there when it was recorded.
4. ``native/``: instructions of LLVM (``code.py``), the rows of the table (``lowering.py``, ``vector_math.py``), where
   CPython keeps things (``jit.py``), and loops written in a few words of Python (``translate.py``).
"""
