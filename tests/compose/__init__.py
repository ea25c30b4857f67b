"""Checks of `compose/` that need no container.

Files against the schemas of their specifications and the tools of their services (hadolint, promtool, amtool,
kubectl); settings against the model; Kafka's against a real broker; ClickHouse's users in the embedded engine, which
reads the same files; the start script, the health check and the processes as they are started, on this machine.

Not covered: what Docker and Kubernetes do with it all. Nobody built the image or pulled another one; networks,
limits, read-only roots, rights of volumes and network policies are checked as text. Nor are Grafana and its plugin,
the ports and the query log of ClickHouse, and KEDA's objects, whose schemas are not here.
"""
