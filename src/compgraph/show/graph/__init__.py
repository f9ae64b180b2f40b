"""One scene of a component graph, and its renderers: page, DOT, drawing."""
