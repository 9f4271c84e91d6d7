"""From a graph to a picture: figures, folding, layout, DOT and SVG."""
