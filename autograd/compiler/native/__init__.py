"""Native code for array programs, through LLVM (``pip install "scalar-autograd[compile]"``)."""

from __future__ import annotations

from autograd.compiler.native.kernel import Kernel
from autograd.compiler.native.lowering import UnsupportedError

__all__ = ["Kernel", "UnsupportedError"]
