"""Faust over the local log: the driver `spanpulse-log`, apps on it, and claims in it.

url = register_log(log)
app = make_app(url)
... declare agents on app.topic(TOPIC, value_type=bytes) ...
await app.start()
error = await failed(app)
await app.stop()
unregister_log(log)
"""

from spanpulse_stream.transport._app import failed, make_app
from spanpulse_stream.transport._claims import LogClaims
from spanpulse_stream.transport._driver import Transport
from spanpulse_stream.transport._registry import register_log, unregister_log

__all__ = ["LogClaims", "Transport", "failed", "make_app", "register_log", "unregister_log"]
