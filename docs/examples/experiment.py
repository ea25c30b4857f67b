"""Two prompts, nine users in ten get the known one: who gets which does not change, and each call says which it was."""

from openai import OpenAI

import spanpulse

spanpulse.instrument(service_name="experiment")
client = OpenAI()
PROMPTS = {"brief": "Answer in one sentence.", "friendly": "Answer warmly, in two sentences."}


def greet(user: str) -> str:
    """Greet a user by the prompt that is theirs; return the answer's id."""
    with spanpulse.context(user_id=user):
        variant = spanpulse.variant("greeting", user, {"brief": 90, "friendly": 10})
        answer = client.chat.completions.create(
            model="gpt-5-mini",
            messages=[{"role": "system", "content": PROMPTS[variant]}, {"role": "user", "content": "Hello!"}],
        )
    print(user, variant)
    return answer.id


answers = [greet(f"user-{number}") for number in range(20)]
spanpulse.score("thumbs", 1, response_id=answers[0])  # when the user clicks, from any process
