"""What goes wrong: one small file for each kind, turned on and off by the world."""

from tests.simulation.faults.cluster import (
    BusyCluster,
    HangingCluster,
    LaggingWatch,
    OverloadedCluster,
)
from tests.simulation.faults.crash import Crashes, OlderVersion, Pauses, Rollouts
from tests.simulation.faults.database import LostCommits, LostConnections, SlowStatements
from tests.simulation.faults.fault import Fault
from tests.simulation.faults.net import DoubledCalls, HurriedCalls, LateCalls, LostCalls, SlowCalls
from tests.simulation.faults.shop import FailingShop, LimitedShop, SlowPages, UnreachableShop
from tests.simulation.faults.webhooks import (
    DoubledWebhooks,
    LateWebhooks,
    LostWebhooks,
    ScatteredWebhooks,
)

FAULTS: list[type[Fault]] = [
    SlowStatements,
    LostConnections,
    LostCommits,
    LostCalls,
    DoubledCalls,
    SlowCalls,
    HurriedCalls,
    Crashes,
    Pauses,
    Rollouts,
    LostWebhooks,
    DoubledWebhooks,
    LateWebhooks,
    UnreachableShop,
    FailingShop,
    LimitedShop,
    OverloadedCluster,
    HangingCluster,
    BusyCluster,
    LaggingWatch,
    LateCalls,
    OlderVersion,
    SlowPages,
    ScatteredWebhooks,
]
"""Every kind of fault; a world draws some of them."""
