"""Work on other processes and machines, through any executor of PEP 3148."""

from nn.distributed.workers import ExecutorError, Parcel, Workers

__all__ = ["ExecutorError", "Parcel", "Workers"]
