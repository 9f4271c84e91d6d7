"""Facts about a recorded graph: the steps of backward, the terms and the paths of a gradient."""
