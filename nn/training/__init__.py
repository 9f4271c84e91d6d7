"""Training: ``fit``, its steps (eager, compiled, on workers), validation, checkpoints, and the history it returns.

``nn.training.sweeps``, which trains once for each combination of hyper-parameters, is imported when it is needed.
"""

from nn.training.checkpoint import Checkpoint
from nn.training.fitting import fit
from nn.training.history import History
from nn.training.history import EarlyStopping

__all__ = ["Checkpoint", "EarlyStopping", "History", "fit"]
