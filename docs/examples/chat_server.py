"""Several users at once, each with a session, streamed answers: what each of them said and cost is told apart."""

import asyncio

from openai import AsyncOpenAI

import spanpulse

spanpulse.instrument(service_name="chat-server", environment="production")
client = AsyncOpenAI()


async def answer(user: str, question: str) -> str:
    """Answer one question of a user."""
    with spanpulse.context(user_id=user, session_id=f"{user}-1", prompt=("support", 3), tags={"plan": "free"}):
        stream = await client.chat.completions.create(
            model="gpt-5-mini",
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},  # without it a stream tells no tokens, and has no cost
        )
        said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    return "".join(said)


async def main() -> None:
    """Serve three users."""
    questions = {"ada": "What is a monad?", "grace": "What is a compiler?", "alan": "What halts?"}
    for said in await asyncio.gather(*(answer(user, question) for user, question in questions.items())):
        print(said)


asyncio.run(main())
