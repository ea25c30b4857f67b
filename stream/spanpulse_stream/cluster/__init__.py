"""Cluster mode: the gateway, the workers and the dashboard, each a process of its own, around Kafka and ClickHouse."""

from spanpulse_stream.cluster._audit import audit_cluster
from spanpulse_stream.cluster._dashboard import DashboardProcess
from spanpulse_stream.cluster._database import connect_server
from spanpulse_stream.cluster._errors import CANNOT_START
from spanpulse_stream.cluster._gateway import GatewayProcess
from spanpulse_stream.cluster._init import prepare
from spanpulse_stream.cluster._letters import query_cluster, replay_in_cluster
from spanpulse_stream.cluster._shared import KINDS, Kind, Shared, checked_text
from spanpulse_stream.cluster._worker import WorkerProcess

__all__ = [
    "CANNOT_START",
    "KINDS",
    "DashboardProcess",
    "GatewayProcess",
    "Kind",
    "Shared",
    "WorkerProcess",
    "audit_cluster",
    "checked_text",
    "connect_server",
    "prepare",
    "query_cluster",
    "replay_in_cluster",
]
