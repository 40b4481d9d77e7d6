"""Find the lines that hang together by users, threads and texts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.line_graph import LineGraph

Int32Array = npt.NDArray[np.int32]


def find_components(graph: LineGraph) -> Int32Array:
    """Return the connected component of each node, int32 `(n_nodes,)`, numbered from 0 by first node.

    Two nodes are in one component if a chain of lines connects them. Memory: about 25 bytes for each node of each line.
    """
    from scipy.sparse import coo_array  # noqa: PLC0415 - 0.1 s to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - as above

    anchors = graph.anchors[graph.lines]
    is_edge = anchors != graph.nodes
    ends = (anchors[is_edge], graph.nodes[is_edge])
    edges = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(graph.n_nodes, graph.n_nodes))
    return connected_components(edges, directed=False)[1].astype(np.int32)
