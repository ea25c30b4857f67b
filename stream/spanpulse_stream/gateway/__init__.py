"""The way in: OTLP requests become messages of the log, one resource a message, durable before they are answered.

`Receiver` takes requests, `OtlpApp` gives it those of OTLP/HTTP, `HttpServer` serves that (or any ASGI application);
`GrpcServer` serves OTLP/gRPC. `ApiKeys` says who may send.
"""

from spanpulse_stream.gateway._answers import REFUSALS, RequestRefused
from spanpulse_stream.gateway._app import OtlpApp
from spanpulse_stream.gateway._cors import Cors
from spanpulse_stream.gateway._grpc import GrpcServer
from spanpulse_stream.gateway._intake import Sender, messages_of
from spanpulse_stream.gateway._keys import (
    ApiKeys,
    BindingRefused,
    InvalidKey,
    check_binding,
    check_page_binding,
    is_tenant,
)
from spanpulse_stream.gateway._limits import RequestLimits
from spanpulse_stream.gateway._options import OtlpOptions
from spanpulse_stream.gateway._receiver import Receiver
from spanpulse_stream.gateway._resource import partition_of, resource_key
from spanpulse_stream.gateway._server import CannotListen, HttpServer
from spanpulse_stream.gateway._split import Piece, split_request
from spanpulse_stream.gateway._tls import ServerTls, TlsMisconfigured
from spanpulse_stream.gateway._wire import fields as wire_fields
from spanpulse_stream.gateway._wire import length_delimited
from spanpulse_stream.log import TOPIC, LogFull, Message, MessageLog, Signal

__all__ = [
    "REFUSALS",
    "TOPIC",
    "ApiKeys",
    "BindingRefused",
    "CannotListen",
    "Cors",
    "GrpcServer",
    "HttpServer",
    "InvalidKey",
    "LogFull",
    "Message",
    "MessageLog",
    "OtlpApp",
    "OtlpOptions",
    "Piece",
    "Receiver",
    "RequestLimits",
    "RequestRefused",
    "Sender",
    "ServerTls",
    "Signal",
    "TlsMisconfigured",
    "check_binding",
    "check_page_binding",
    "is_tenant",
    "length_delimited",
    "messages_of",
    "partition_of",
    "resource_key",
    "split_request",
    "wire_fields",
]
