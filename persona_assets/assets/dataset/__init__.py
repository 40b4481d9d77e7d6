"""A data set of a window's lines, to train and evaluate models of personas on: splits without leaks, and its forms."""
