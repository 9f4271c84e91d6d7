"""Ways into the code of a program: one evaluation, a training loop, a call with Python floats, a map over points."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compile.native.jit import host
from autograd.compile.native.layout import Layout

__all__ = ["run_entry", "steps_entry"]


def run_entry() -> str:
    """``void run(ptr frame)``: evaluate once."""
    return f"""define void @run(ptr %f) {host().attributes} {{
  call void @main(ptr %f, ptr %f)
  ret void
}}
"""


def steps_entry(layout: Layout, recorded: Sequence[tuple[str, int]]) -> str:
    """``void steps(ptr frame, ptr data, i64 stride, i64 count, ptr recorded)``: a training loop.

    Step k finds its arguments k * stride doubles behind ``data``.
    """
    notes = []
    for number, (base, offset) in enumerate(recorded):
        notes += [f"  %p{number} = getelementptr double, ptr {base}, i64 {offset}",
                  f"  %v{number} = load double, ptr %p{number}, align 8",
                  f"  %q{number} = getelementptr double, ptr %notes, i64 {number}",
                  f"  store double %v{number}, ptr %q{number}, align 8"]
    return f"""define void @steps(ptr %f, ptr %data, i64 %stride, i64 %count, ptr %recorded) {host().attributes} {{
  br label %test
test:
  %k = phi i64 [0, %0], [%next, %step]
  %x = phi ptr [%data, %0], [%x.next, %step]
  %notes = phi ptr [%recorded, %0], [%notes.next, %step]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %step, label %end
step:
  call void @main(ptr %f, ptr %x)
{chr(10).join(notes)}
  %next = add i64 %k, 1
  %x.next = getelementptr double, ptr %x, i64 %stride
  %notes.next = getelementptr double, ptr %notes, i64 {len(recorded)}
  br label %test
end:
  ret void
}}
"""
