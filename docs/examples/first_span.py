"""One line instruments the application; the call below becomes a span with its tokens, cost and texts (masked)."""

from openai import OpenAI

import spanpulse

spanpulse.instrument(service_name="first-span")

answer = OpenAI().chat.completions.create(
    model="gpt-5-mini", messages=[{"role": "user", "content": "What is the capital of France?"}]
)
print(answer.choices[0].message.content)
