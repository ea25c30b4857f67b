"""Texts of the day: questions, answers, articles, results of tools, as a support product has them.

Put together from `_topics` with names, numbers and dates drawn per request: coherent within a request, varied
between them. A few questions are whole e-mail threads, a few are not in English.
"""

import json
from typing import Final

from spanpulse_stream.traffic.day._draw import Dice
from spanpulse_stream.traffic.day._topics import CODES, NAMES, PLACES, PRODUCTS, TOPICS, Topic

__all__ = ["Talk"]

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
OPENINGS: Final = (
    "",
    "",
    "Hi, ",
    "Hello! ",
    "Good morning. ",
    "Quick question: ",
    "Hi there - ",
    "Sorry to write again. ",
)
CLOSINGS: Final = (
    "",
    "",
    "",
    " Thanks!",
    "\n\nThank you, {name}",
    "\nPlease answer soon.",
    " \N{SLIGHTLY SMILING FACE}",
    "\n\nBest, {name}",
)
STYLES: Final = {
    "concise": ("In short: ", ""),
    "control": ("Thanks for getting in touch. ", " Let me know if there is anything else I can help with."),
    "": ("", ""),
}
STATES: Final = ("packed", "shipped", "in_transit", "delivered", "returned")
TRANSLATED: Final = (
    "Diese Zusammenfassung gilt für alle Länder der EU. Rücksendungen sind binnen 30 Tagen möglich.",
    "Ce résumé vaut pour tous les pays de l'UE. Les retours sont possibles pendant 30 jours.",
    "Este resumen vale para todos los países de la UE. Las devoluciones son posibles durante 30 días.",
)
LONG_THREADS: Final = 0.03
SHARE_FOREIGN: Final = 0.12


class Talk:
    """What is said in one request: one topic, one order, one product. Each call draws anew."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._topic = dice.choice(TOPICS)
        self._names = {
            "product": dice.choice(PRODUCTS),
            "order": f"HB-{dice.randrange(100_000, 1_000_000)}",
            "day": f"{dice.choice(DAYS)} the {dice.randrange(4, 21)}th",
            "place": dice.choice(PLACES),
            "amount": f"€{dice.randrange(19, 480)}.{dice.choice(('00', '50', '90', '95'))}",
            "code": dice.choice(CODES),
            "name": dice.choice(NAMES),
        }
        self.question, self._hit = self._ask()

    @property
    def order(self) -> str:
        """The number of the order."""
        return self._names["order"]

    @property
    def title(self) -> str:
        """The title of the article that answers the question."""
        return self._topic.title

    def documents(self, count: int) -> list[dict[str, str | float]]:
        """Return what a retrieval finds, best first: the article that answers, then others."""
        others = [topic for topic in TOPICS if topic is not self._topic]
        found = [self._topic, *self._dice.sample(others, min(count, len(TOPICS)) - 1)]
        score = 0.93 - self._dice.random() * 0.1
        return [
            {"id": f"handbook/{topic.slug}", "score": round(score * 0.88**rank, 3), "content": self.article(topic)}
            for rank, topic in enumerate(found)
        ]

    def article(self, topic: Topic | None = None) -> str:
        """Return an article of the handbook."""
        topic = topic or self._topic
        return self._fill(f"# {topic.title}\n\n" + " ".join(topic.facts))

    def answer(self, style: str = "") -> str:
        """Return an answer out of the article's facts."""
        facts = list(self._topic.facts)
        facts.insert(0, facts.pop(self._hit))
        count = 2 if style == "concise" else self._dice.randrange(2, len(facts))
        before, after = STYLES[style]
        return self._fill(before + " ".join(facts[:count]) + after)

    def draft(self) -> str:
        """Return a reply for a human to send."""
        greeting = f"Dear {self._names['name']},\n\nthank you for your message about order {self.order}.\n\n"
        return greeting + self.answer() + "\n\nKind regards,\nHalden customer care"

    def next_questions(self) -> str:
        """Return what one may ask next, as JSON."""
        return json.dumps({"suggestions": [self._fill(text) for text in self._topic.next]}, ensure_ascii=False)

    def intent(self) -> str:
        """Return the intent as a small model names it, as JSON."""
        return json.dumps({"intent": self._topic.slug, "confidence": round(0.7 + 0.3 * self._dice.random(), 2)})

    def translated(self) -> str:
        """Return a translated summary."""
        return self._dice.choice(TRANSLATED)

    def result(self, tool: str) -> dict[str, object]:
        """Return what a tool answers, for JSON."""
        dice, names = self._dice, self._names
        values: dict[str, object] = {"order": self.order, "state": dice.choice(STATES)}
        if tool == "lookup_order":
            values["lines"] = [
                {"product": name, "quantity": dice.randrange(1, 4), "price_eur": dice.randrange(19, 400) + 0.95}
                for name in [names["product"], *dice.sample(PRODUCTS, dice.randrange(0, 4))]
            ]
            values["ship_to"] = {"city": names["place"], "name": names["name"]}
        elif tool == "track_parcel":
            values["scans"] = [
                {"day": dice.choice(DAYS), "place": dice.choice(PLACES), "code": dice.choice(CODES)}
                for _ in range(dice.randrange(1, 12))
            ]
        else:
            values |= {"serial": f"{dice.randrange(16**10):010x}", "valid": dice.chance(0.8)}
        return values

    def _ask(self) -> tuple[str, int]:
        """Return the question and the number of the fact that answers it."""
        dice, topic = self._dice, self._topic
        if topic.foreign and dice.chance(SHARE_FOREIGN):
            return self._fill(dice.choice(topic.foreign)), 0
        number = dice.randrange(len(topic.questions))
        text = self._fill(dice.choice(OPENINGS) + topic.questions[number] + dice.choice(CLOSINGS))
        return self._thread(text) if dice.chance(LONG_THREADS) else text, topic.hits[number]

    def _thread(self, text: str) -> str:
        """Return a question with the e-mails before it, thousands of characters."""
        dice = self._dice
        mails = [text]
        for depth in range(1, dice.randrange(5, 12)):
            topic = dice.choice(TOPICS)
            said = self._fill(dice.choice(topic.questions) + "\n" + " ".join(topic.facts))
            quoted = "\n".join("> " * depth + line for line in said.splitlines())
            mails.append(f"On {dice.choice(DAYS)} {dice.choice(NAMES)} wrote:\n{quoted}")
        return "\n\n".join(mails)

    def _fill(self, text: str) -> str:
        return text.format_map(self._names) if "{" in text else text
