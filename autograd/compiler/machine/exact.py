"""The machine code of what is found from all terms together: exact sums, and the largest of some numbers."""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiler.machine.native.code import Functions
from autograd.compiler.machine.texts import KernelText

__all__ = ["EXACT_SUM", "ExactKernel"]


class ExactKernel(NamedTuple):
    """Exact sums, rounded once, or largest terms: loops over members (columns: sum, first term) and over the terms."""

    name: str = "exact_sum"
    lanes: int = 1

    def text(self, name: str, functions: Functions) -> str:
        """The function."""
        functions.pieces.setdefault(*_TOGETHER[self.name])
        text = KernelText(name, functions, 2, "uu")
        sums, terms = text.moved("%p0", "%m", "%s0.0"), text.moved("%p1", "%m", "%s0.1")
        text.code.do(f"call void @{self.name}(ptr {sums}, ptr {terms}, i64 %n1, i64 %s1.1)")
        return "\n".join([
            *text.head(),
            "  br label %m.loop", "m.loop:", "  %m = phi i64 [0, %row], [%m.next, %m.loop]",
            *text.taken(),
            "  %m.next = add i64 %m, 1", "  %m.more = icmp ult i64 %m.next, %n0",
            "  br i1 %m.more, label %m.loop, label %row.last", "row.last:",
            *text.tail(),
        ]) + "\n"  # fmt: skip


# What additions lose is kept in partial sums that do not overlap, smallest first (Shewchuk 1997, as math.fsum); at the
# end they are added from the largest down until the next one no longer matters, but for a tie. A double has room for at
# most 40 of them. Where something is not finite, the terms are simply added; that is
# done, after all terms were made smaller in case that only a partial sum was too large.
EXACT_SUM = """define internal void @exact_sum(ptr %to, ptr %terms, i64 %count, i64 %stride) noinline {
  %first = call double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double 1.0)
  %size = call double @llvm.fabs.f64(double %first)
  %finite = fcmp olt double %size, 0x7FF0000000000000
  br i1 %finite, label %end, label %again
again:
  %small = call double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double 0x3BF0000000000000)
  %second = fmul double %small, 0x43F0000000000000
  br label %end
end:
  %sum = phi double [%first, %0], [%second, %again]
  store double %sum, ptr %to, align 8
  ret void
}
define internal double @scaled_sum(ptr %terms, i64 %count, i64 %stride, double %scale) noinline {
  %parts = alloca double, i64 64, align 8
  br label %term
term:
  %t = phi i64 [0, %0], [%t.next, %kept]
  %from = phi ptr [%terms, %0], [%from.next, %kept]
  %used = phi i64 [0, %0], [%used.next, %kept]
  %plain = phi double [0.0, %0], [%plain.next, %kept]
  %more = icmp ult i64 %t, %count
  br i1 %more, label %take, label %finish
take:
  %given = load double, ptr %from, align 8
  %new = fmul double %given, %scale
  %plain.next = fadd double %plain, %new
  br label %part
part:
  %k = phi i64 [0, %take], [%k.next, %combine]
  %x = phi double [%new, %take], [%high, %combine]
  %left = phi i64 [0, %take], [%left.next, %combine]
  %any = icmp ult i64 %k, %used
  br i1 %any, label %combine, label %kept
combine:
  %at = getelementptr double, ptr %parts, i64 %k
  %y = load double, ptr %at, align 8
  %high = fadd double %x, %y
  %back = fsub double %high, %x
  %rest = fsub double %high, %back
  %lost.x = fsub double %x, %rest
  %lost.y = fsub double %y, %back
  %lost = fadd double %lost.x, %lost.y
  %is = fcmp une double %lost, 0.0
  %to.part = getelementptr double, ptr %parts, i64 %left
  store double %lost, ptr %to.part, align 8
  %one = zext i1 %is to i64
  %left.next = add i64 %left, %one
  %k.next = add i64 %k, 1
  br label %part
kept:
  %last = getelementptr double, ptr %parts, i64 %left
  store double %x, ptr %last, align 8
  %used.all = add i64 %left, 1
  %full = icmp ugt i64 %used.all, 62
  %used.next = select i1 %full, i64 62, i64 %used.all
  %t.next = add i64 %t, 1
  %from.next = getelementptr double, ptr %from, i64 %stride
  br label %term
finish:
  %none = icmp eq i64 %used, 0
  br i1 %none, label %done, label %top
top:
  %top.k = sub i64 %used, 1
  %top.at = getelementptr double, ptr %parts, i64 %top.k
  %top.x = load double, ptr %top.at, align 8
  br label %down
down:
  %d.k = phi i64 [%top.k, %top], [%d.next, %inexact]
  %d.x = phi double [%top.x, %top], [%d.high, %inexact]
  %rest.any = icmp ugt i64 %d.k, 0
  br i1 %rest.any, label %lower, label %sum
lower:
  %d.next = sub i64 %d.k, 1
  %d.at = getelementptr double, ptr %parts, i64 %d.next
  %d.y = load double, ptr %d.at, align 8
  %d.high = fadd double %d.x, %d.y
  %d.back = fsub double %d.high, %d.x
  %d.low = fsub double %d.y, %d.back
  %exact = fcmp oeq double %d.low, 0.0
  br i1 %exact, label %inexact, label %tie
inexact:
  br label %down
tie:
  %below = icmp ugt i64 %d.next, 0
  br i1 %below, label %sign, label %sum
sign:
  %b.k = sub i64 %d.next, 1
  %b.at = getelementptr double, ptr %parts, i64 %b.k
  %b = load double, ptr %b.at, align 8
  %b.up = fcmp ogt double %b, 0.0
  %low.up = fcmp ogt double %d.low, 0.0
  %b.down = fcmp olt double %b, 0.0
  %low.down = fcmp olt double %d.low, 0.0
  %ups = and i1 %b.up, %low.up
  %downs = and i1 %b.down, %low.down
  %alike = or i1 %ups, %downs
  %twice = fmul double %d.low, 2.0
  %moved = fadd double %d.high, %twice
  %moved.by = fsub double %moved, %d.high
  %fits = fcmp oeq double %moved.by, %twice
  %up = and i1 %alike, %fits
  %result = select i1 %up, double %moved, double %d.high
  br label %sum
sum:
  %total = phi double [%d.x, %down], [%d.high, %tie], [%result, %sign]
  %size = call double @llvm.fabs.f64(double %total)
  %finite = fcmp olt double %size, 0x7FF0000000000000
  %chosen = select i1 %finite, double %total, double %plain
  br label %done
done:
  %value = phi double [0.0, %finish], [%chosen, %sum]
  ret double %value
}
declare double @llvm.fabs.f64(double)
"""
LARGEST = """define internal void @largest(ptr %to, ptr %terms, i64 %count, i64 %stride) noinline {
  %first = load double, ptr %terms, align 8
  br label %test
test:
  %t = phi i64 [1, %0], [%t.next, %term]
  %best = phi double [%first, %0], [%best.next, %term]
  %from = phi ptr [%terms, %0], [%at, %term]
  %more = icmp ult i64 %t, %count
  br i1 %more, label %term, label %end
term:
  %at = getelementptr double, ptr %from, i64 %stride
  %x = load double, ptr %at, align 8
  %is = fcmp olt double %best, %x
  %best.next = select i1 %is, double %x, double %best
  %t.next = add i64 %t, 1
  br label %test
end:
  store double %best, ptr %to, align 8
  ret void
}
"""
_TOGETHER = {"exact_sum": ("exact sum", EXACT_SUM), "largest": ("largest", LARGEST)}
