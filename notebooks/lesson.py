"""What the notebooks import: ``from lesson import check``. It stands in the package, so that a notebook can be alone."""

from nn.lessons import check, figures_as_svg, show

__all__ = ["check", "figures_as_svg", "show"]
