"""Home: the data set in view, its runs, and what to do next."""
