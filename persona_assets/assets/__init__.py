"""The assets of the graph, a package each, named as the asset."""
