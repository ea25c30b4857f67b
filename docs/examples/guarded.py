"""Checks around a call: too long or with an address in it, a question does not reach the model; answers are masked."""

from openai import OpenAI

import spanpulse
from spanpulse import checks

spanpulse.instrument(service_name="guarded")
client = OpenAI()


@spanpulse.guard(input=[checks.length(max=2_000), checks.pii()], on_violation="block")
def answer(question: str) -> str:
    """Answer a question."""
    reply = client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": question}])
    return reply.choices[0].message.content or ""


print(answer("What is the capital of France?"))
try:
    answer("Write to jane.doe@example.org")
except spanpulse.GuardBlocked as blocked:
    print("blocked:", blocked)
