"""Ctrl-C at every moment at which it can come."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def interrupted_at(n: int, work: Callable[[], Any]) -> bool:
    """Raise KeyboardInterrupt at the n-th moment at which the interpreter looks for signals inside the package.

    It looks after a call, at the start of a function or its resumption after a yield, and on the way back in a loop.

    Returns:
        False if there are fewer such moments.
    """
    count = 0
    was_a_check: dict[FrameType, bool] = {}

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith(("autograd", "nn.")) or _of_the_collector(frame):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            # Not where a call has raised: Python does not look there, and would take that error for handled for ever.
            if was_a_check.get(frame) and name != "PUSH_EXC_INFO":
                count += 1
                if count == n:
                    raise KeyboardInterrupt
            was_a_check[frame] = name.startswith(("CALL", "RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE"))
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for it before tracing starts
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def _of_the_collector(frame: FrameType | None) -> bool:
    """Whether Python's collector calls this, which ignores what is raised there; ``test_collector`` has these cases."""
    if frame is None or frame.f_globals.get("__name__") != "autograd.collector":
        return False
    return frame.f_code.co_name in ("_around_a_search", "__del__") or _of_the_collector(frame.f_back)
