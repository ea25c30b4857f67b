"""An agent that looks something up, calls a tool and answers: each step is a span, the answer is scored."""

from openai import OpenAI

import spanpulse

spanpulse.instrument(service_name="retrieval")
client = OpenAI()
SHELF = {"returns": "Goods may be returned within 30 days.", "shipping": "Shipping takes three days."}


def search(query: str) -> list[dict[str, object]]:
    """Find what fits a query."""
    with spanpulse.span("knowledge-base", kind="retrieval") as step:
        step.query(query)
        found = [{"id": name, "content": text, "score": 0.9} for name, text in SHELF.items() if name in query]
        step.documents(found)
    return found


@spanpulse.observe(kind="tool")
def days_since(order: str) -> int:
    """Return how many days ago an order was."""
    return len(order)


@spanpulse.observe(kind="agent", name="support-agent")
def answer(question: str) -> str:
    """Answer a question from what was found."""
    documents = search(question)
    facts = [f"The order is {days_since('A-1234')} days old.", *(str(each["content"]) for each in documents)]
    reply = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "system", "content": "\n".join(facts)}, {"role": "user", "content": question}],
    )
    said = reply.choices[0].message.content or ""
    spanpulse.score("grounded", 1.0 if documents else 0.0, response_id=reply.id)
    return said


print(answer("How do returns work?"))
