"""The texts of the generated day: questions are answered by their own article, nothing is left unfilled."""

import json

from spanpulse_stream.traffic.day._draw import Dice
from spanpulse_stream.traffic.day._messages import Conversation
from spanpulse_stream.traffic.day._request import Call, Failure
from spanpulse_stream.traffic.day._story import SLOW_MODEL, TOOL
from spanpulse_stream.traffic.day._texts import Talk
from spanpulse_stream.traffic.day._topics import TOPICS

TALKS = [Talk(Dice(1, number)) for number in range(1500)]


def test_every_question_has_the_fact_that_answers_it() -> None:
    assert len({topic.slug for topic in TOPICS}) == len(TOPICS)
    for topic in TOPICS:
        assert len(topic.hits) == len(topic.questions)
        assert max(topic.hits) < len(topic.facts)
        assert len(topic.facts) >= 3


def test_nothing_is_left_to_fill_in() -> None:
    for talk in TALKS:
        for text in (talk.question, talk.answer(), talk.answer("concise"), talk.draft(), talk.article()):
            assert text
            assert "{" not in text


def test_questions_are_varied_and_some_are_long_or_foreign() -> None:
    questions = [talk.question for talk in TALKS]
    assert len(set(questions)) > 1200
    assert 10 < sum(len(question) > 2000 for question in questions) < 100
    assert any("ブリッジ" in question for question in questions)


def test_documents_begin_with_the_article_that_answers() -> None:
    for talk in TALKS[:50]:
        found = talk.documents(8)
        assert len(found) == 8
        assert str(found[0]["content"]).startswith(f"# {talk.title}")
        scores = [float(each["score"]) for each in found]
        assert scores == sorted(scores, reverse=True)


def test_an_agent_is_told_what_its_tools_returned_also_failures() -> None:
    conversation = Conversation(TALKS[0])
    call = Call(SLOW_MODEL, "resolve-ticket", "12", calls_tool=TOOL)
    asked = json.loads(conversation.said(call, "call_1"))[0]["parts"][0]
    assert (asked["type"], asked["id"], asked["name"]) == ("tool_call", "call_1", TOOL)
    conversation.used(TOOL, "call_1", Failure("ConnectTimeout", "no route"))
    conversation.said(call, "call_2")
    conversation.used(TOOL, "call_2", None)
    roles = [message["role"] for message in json.loads(conversation.asked(call))]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]
    first, second = (json.loads(conversation.asked(call))[place]["parts"][0]["response"] for place in (2, 4))
    assert first == {"error": "no route"}
    assert second["order"] == TALKS[0].order
