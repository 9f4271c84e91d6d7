"""Compiled functions: what users call, which recording serves a call, and what is made of each recording.

1. ``compiled.py`` is what ``autograd.compile`` returns; ``uncompiled.py`` is beneath it: calls that run by the graph.
2. ``recordings.py``: when a function is recorded, and which recordings are kept; ``budget.py``: whether it pays.
   ``variants.py``: one recording, its first calls by the graph (``eager.py``), the others by what is compiled of it
   (``plans.py``, imported only then); ``reuse.py`` shares that between equal structures.
3. ``nodes.py`` makes a call's results nodes that can be differentiated; ``together.py``: many results, one pass back;
   ``replay.py`` makes a recording a graph again.
4. ``objects.py``: a function for each object that it is given, or that it is a method of.
   ``steps.py``: functions that change something.  ``mapping.py``: many points at once.  ``report.py``: what happened.
"""
