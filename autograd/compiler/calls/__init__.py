"""Compiled functions: what users call, which recording serves a call, and what is made of each recording.

1. ``compiled.py`` is what ``autograd.compile`` returns.  ``recordings.py`` is beneath it: when a function is recorded,
   which recordings are kept, and how it runs without one; ``budget.py``: whether to record pays.
2. ``variants.py``: one recording, its first calls by the graph (``replay.py``), the others by what is compiled of it
   (``plans.py``, imported only then); ``reuse.py`` shares that between equal structures.
3. ``nodes.py`` makes a call's results nodes that can be differentiated; ``together.py``: many results, one pass back.
4. ``objects.py``: a function for each object that it is given, or that it is a method of.
   ``steps.py``: functions that change something.  ``mapping.py``: many points at once.  ``report.py``: what happened.
"""
