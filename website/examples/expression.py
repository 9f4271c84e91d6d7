"""An expression: c = a b + b³. The number b is used twice, so that its gradient is a sum."""

from autograd import Value

a = Value(-4.0, "a")
b = Value(2.0, "b")
c = a * b + b**3
c.label = "c"
c
