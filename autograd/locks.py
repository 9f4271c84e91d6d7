"""Locks and ``os.fork``.

A forked process has only the thread that forked.  A lock that another thread held at that moment would be held for
ever in the new process, since the thread that would open it is not there.  So the new process gets new locks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

__all__ = ["renew_in_child"]

Kind = Callable[[], Any]
_owners: WeakValueDictionary[tuple[int, str, Kind], Any] = WeakValueDictionary()


def renew_in_child(owner: Any, name: str, kind: Kind) -> None:
    """Let a module or an object have a new lock of this kind, such as ``threading.Lock``, in a forked process."""
    _owners[id(owner), name, kind] = owner


def _renew() -> None:
    for (_, name, kind), owner in list(_owners.items()):
        setattr(owner, name, kind())


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew)
