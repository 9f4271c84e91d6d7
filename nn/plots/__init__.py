"""Pictures of training and of what was learned, with matplotlib, which is imported when the first one is drawn.

Every function draws into the axes given as ``ax``, or into a new figure, and returns the axes; it shows and saves
nothing.  An ImportError says so if matplotlib is not installed.
Texts and lines have the colours of the matplotlib style in use, so that a dark one works as well.
"""

from nn.plots.boundary import animate_boundary, plot_boundary
from nn.plots.curves import LivePlot, plot_history
from nn.plots.network import plot_attention, plot_gradients, plot_network
from nn.plots.style import figures_as_svg

__all__ = [
    "LivePlot", "animate_boundary", "figures_as_svg", "plot_attention", "plot_boundary", "plot_gradients",
    "plot_history", "plot_network",
]  # fmt: skip
