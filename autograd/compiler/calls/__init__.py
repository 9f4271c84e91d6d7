"""Compiled functions: they choose the recording that serves a call, and run what was compiled from it.

1. ``decorator.py`` is ``autograd.compile``; ``compiled.py`` has the class that it returns.  Its base class in
   ``recordings.py`` decides when to record the function, and runs calls without a recording.  ``kept.py`` has the
   recordings that are kept.  ``budget.py``: does recording again pay?  ``reasons.py`` says why it was done.
2. ``variants.py`` has one recording.  ``stages.py`` decides how its calls run: the first ones without the compiler, or
   by the graph (``replay.py``), later ones by a compiled plan (``plans.py``, imported only then), if that is faster.
   ``reuse.py`` shares plans between recordings of equal structure.
3. ``nodes.py`` turns results into nodes with gradients; ``together.py`` gives several results one backward pass.
4. ``objects.py``: objects among the arguments, and methods.  ``steps.py``: functions with effects.
   ``mapping.py``: many points at once.  ``report.py``: the text of ``report()``.
"""
