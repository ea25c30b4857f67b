"""Cluster mode: the gateway, the workers and the dashboard, each a process of its own, around Kafka and ClickHouse."""
