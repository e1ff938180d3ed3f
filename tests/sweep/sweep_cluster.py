"""Two Ray nodes on this machine, each with a pretended GPU: prints the address.

A line on standard input kills the second node's raylet; the end of the input ends it all.
Its argument is an empty folder with a short name.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": 100 * 2**20}


def main(folder: str) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "temp_dir": folder})
    node = cluster.add_node(**NODE)
    print(cluster.address, flush=True)
    if sys.stdin.readline():
        node.kill_raylet()
        sys.stdin.readline()
    cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
