"""One recorded sample that stands for many: what ``nn.fit``, ``predict`` and validation run.  All of it needs numpy.

1. ``samples.py``: the samples as a table of numbers, the recording of one of them, the outputs of all, and a worker's
   part of the gradient.
2. ``training.py``: the loss over a batch, its gradient, and the optimiser's update as one program; many such steps run
   in one native call.
"""
