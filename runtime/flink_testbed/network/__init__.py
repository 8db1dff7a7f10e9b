"""A network between two parts that can be cut, slowed down and made lossy: a TCP proxy on loopback."""

from flink_testbed.network.disturbance import BOTH, Cut, Delay, Direction, Disturbance, Loss
from flink_testbed.network.proxy import Passage, Proxy

__all__ = ["BOTH", "Cut", "Delay", "Direction", "Disturbance", "Loss", "Passage", "Proxy"]
