"""What a step moves: between the GPUs, over PCIe to the host, and to NVMe.

Bytes follow from the job and from where a strategy keeps its state; nothing here promises a rate.
A time is only ever a floor: the bytes over a link's own bandwidth.
"""

from app.domain.traffic.communication import Communication, communication
from app.domain.traffic.flow import Flow
from app.domain.traffic.offload import Floor, offload_flows, time_floor

__all__ = [
    "Communication",
    "Floor",
    "Flow",
    "communication",
    "offload_flows",
    "time_floor",
]
