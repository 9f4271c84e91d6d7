"""Programs in print, in matrix form: δ² = (W³ᵀ δ³) ⊙ σ'(z²).

1. ``pieces.py`` splits a program's arrays as a reader would: into W², b², W³, or single numbers.
2. ``matrix_names.py`` names them, and finds the samples or positions that a formula does not mention.
3. ``matrix_form.py`` writes the lines, those that repeat as one loop.
"""
