"""Beside an OpenTelemetry set-up that is there: its exporters get the same spans, spanpulse adds what is missing."""

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

import spanpulse

provider = TracerProvider(resource=Resource.create({"service.name": "own-opentelemetry"}))
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)

spanpulse.instrument()  # behind the provider; SPANPULSE_ENDPOINT says that spanpulse gets the spans as well

with trace.get_tracer("shop").start_as_current_span("checkout"), spanpulse.context(user_id="ada"):
    reply = OpenAI().chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": "Recommend a book."}]
    )
print(reply.choices[0].message.content)
