"""Machine code through LLVM: instructions, vector mathematics, and builtin functions made at run time."""
