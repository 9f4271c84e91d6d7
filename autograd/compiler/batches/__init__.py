"""One recorded sample that stands for many: what ``nn.fit``, ``predict`` and validation run.  All of it needs numpy.

1. ``samples.py``: the samples as a table of numbers, and the recording of one of them.
2. ``learning.py``: the loss over a batch, its gradient, and the optimiser's update as one program.
3. ``training.py`` runs many such steps in one native call; ``evaluation.py`` gives outputs; ``gradients.py`` gives a
   worker's part of the gradient.
"""
