"""Numbers, nodes and derivatives as text: names, formulas, LaTeX, programs."""
