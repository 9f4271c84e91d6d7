"""A call of a function becomes a recording: its graph, what it decided, what it read outside and what it changed there.

1. ``record.py`` runs the function on Values and makes the recording; ``recorder.py`` is told of each node and decision.
   ``running.py`` is the run itself, what becomes of an error, and of lists in the arguments that the call changes.
2. What stands for numbers of the call: ``traced.py``; ``choosing.py`` (by an index, ``x if c else y``) computes with
   them, and ``exact.py`` keeps ints exact.  ``rewriting.py`` puts calls of these where Python overloads nothing, and of
   ``allowed.py``, which computes with ``max`` and ``math`` and refuses what a replay could not do again.
3. ``columns.py`` records the rule of an optimiser once for all parameters; ``loops.py`` finds such a rule in a loop.
4. In and out: ``arguments.py``, ``results.py``.
5. Outside: ``outside.py`` compares what the function can see with what it was, by the ``watches.py`` for each kind of
   object (machine code looks where it can) and the names that ``codenames.py`` finds in its code;
   ``opaque.py`` looks into objects of C, and notices random draws and uses of streams.
6. Changes: ``effects.py`` (parameters, gradients), ``places.py`` (numbers in lists, dictionaries, attributes, names,
   and lists to which the function only appends); ``written.py`` puts numbers into all of these places.
"""
