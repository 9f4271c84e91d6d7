"""Programs in print, in matrix form: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

1. ``matrix_names.py`` names the arrays, and finds the samples or positions that a formula does not mention.
2. ``matrix_form.py`` writes the lines, those that repeat as one loop.
"""
