"""Whatever clients an application has, before or after the line, its calls are spans of one kind."""

import anthropic
import openai
from google import genai

import spanpulse

spanpulse.instrument(service_name="several-clients")
QUESTION = "What is the capital of France?"

said = openai.OpenAI().responses.create(model="gpt-5-mini", input=QUESTION)
print(said.output_text)

with anthropic.Anthropic().messages.stream(
    model="claude-sonnet-4-5", max_tokens=100, messages=[{"role": "user", "content": QUESTION}]
) as stream:
    print("".join(stream.text_stream))

gemini = genai.Client()
print(gemini.models.generate_content(model="gemini-2.5-flash", contents=QUESTION).text)
