"""KnowledgeChat in conversation: follow-ups, names, the clock, honesty, and whatever people type."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import Message
from engines.knowledge import OTHER_LANGUAGE, UNKNOWN, KnowledgeChat, load_knowledge, parse_knowledge, split_tokens
from engines.knowledge_talk import commanded, spoken_date, spoken_time

pytestmark = pytest.mark.unit

KNOWLEDGE = load_knowledge()
NOON = datetime(2026, 11, 21, 15, 20)
CHAT = KnowledgeChat(KNOWLEDGE, now=lambda: NOON)


def entry(title: str) -> tuple[str, ...]:
    """Everything that may be answered to a question of the shipped file."""
    return next(entry.answers for entry in KNOWLEDGE.entries if entry.questions[0] == title)


def more(title: str) -> str:
    return next(entry.more for entry in KNOWLEDGE.entries if entry.questions[0] == title)


def converse(*lines: str, chat: KnowledgeChat = CHAT) -> list[str]:
    """Her replies to one person's lines."""
    history: list[Message] = []
    for line in lines:
        history.append(Message("user", line))
        history.append(Message("assistant", chat.reply(history)))
    return [message.text for message in history[1::2]]


def test_a_question_that_refers_to_the_last_one_is_understood() -> None:
    renderer, speed, size, voice, change = converse(
        "Tell me about the renderer.",
        "How fast is it?",
        "And the resolution?",
        "what about your voice",
        "can I change it",
    )
    assert renderer in entry("How does the renderer work?")
    assert speed in entry("How fast is the renderer?")
    assert size in entry("What is your resolution?")
    assert voice in entry("How does your voice work?")
    assert change in entry("How do I change your voice?")
    assert converse("How fast is it?")[0] not in entry("How fast is the renderer?")


def test_more_goes_on_once_and_then_says_so() -> None:
    _, first, second, why = converse("What is barge-in?", "tell me more", "go on", "why?")
    assert first == more("Can I interrupt you?")
    assert second == "That's all I know about it."
    assert why.startswith("I can't say why")
    assert converse("tell me more")[0].startswith("More about what?")


def test_what_she_would_add_answers_a_follow_up() -> None:
    _, port, key = converse("how do i connect ollama", "which port?", "do I need a key for it?")
    assert port == more("How do I connect Ollama?")
    assert key != port


def test_a_pointing_question_prefers_the_topic_to_its_own_words() -> None:
    _, about_it = converse("tell me about the renderer", "how does it work?")
    assert about_it in entry("How does the renderer work?")
    assert converse("how does it work?")[0] in entry("How do you work?")


def test_an_interrupted_answer_still_is_the_topic() -> None:
    whole = entry("How does your voice work?")[0]
    cut = [Message("user", "how do you speak"), Message("assistant", whole[:25])]
    assert CHAT.reply([*cut, Message("user", "tell me more")]) == more("How does your voice work?")


def test_names_are_kept_for_the_conversation() -> None:
    hello, other, name = converse("Hi! My name is Ada Lovelace.", "what is nerf", "what's my name?")
    assert hello == "Nice to meet you, Ada Lovelace."
    assert other in entry("What is a radiance field?")
    assert name == "Your name is Ada Lovelace."
    assert converse("who am i")[0] == "You haven't told me your name yet."
    assert converse("my name is ada")[0] == "Nice to meet you, Ada."
    both = converse("my name is Ada. What is your licence?")[0]
    assert both.startswith("Nice to meet you, Ada. ")
    assert both.endswith(entry("What is your licence?")[0])
    assert "Nice to meet" not in converse("my name is not important")[0]
    assert converse("Hi, I'm Bob.")[0] == "Nice to meet you, Bob."
    assert converse("I am Sad")[0] in entry("I am sad")


def test_she_repeats_herself_and_her_visitor_when_asked() -> None:
    answer, again, asked, mine = converse("are you real", "sorry?", "what did I just ask?", "what is your name")
    assert again == answer
    assert asked == "You said: sorry?"
    assert mine in entry("Who are you?")
    assert converse("say that again")[0] == "I haven't said anything yet."
    assert converse("what did i ask you")[0] == "This is the first thing you have said to me."


def test_what_she_does_not_know_she_says() -> None:
    first, second, third = converse("what is the capital of france", "who wrote hamlet", "how tall is mount everest")
    assert first == UNKNOWN[0]
    assert "Connect a language model" in first
    assert len({first, second, third}) == 3
    assert converse("how do i say thank you in french")[0] == OTHER_LANGUAGE
    assert converse("is visavis french?")[0] in entry("What does the name Visavis mean?")
    assert converse("and in French?")[0] == OTHER_LANGUAGE
    assert converse("привет, как дела")[0].startswith("I'm sorry, I couldn't read that")
    assert converse("🙂")[0].startswith("I didn't catch that")
    assert converse("ok")[0] in entry("Yes")


def test_a_doubtful_match_is_asked_back_and_confirmed() -> None:
    asked, answer = converse("how many milliseconds is your delay", "yes please")
    assert asked == "I'm not sure that I understood. Did you mean: How fast are you?"
    assert answer in entry("How fast are you?")


def test_variants_take_turns_and_the_seed_chooses_the_first() -> None:
    jokes = entry("Tell me a joke")
    told = converse("tell me a joke", "another one", "another joke", "tell me another joke")
    assert sorted(told) == sorted(jokes)
    assert converse("tell me a joke")[0] == told[0]
    file = parse_knowledge("## Hello\n\nOne.\n\nOr: Two.\n\nOr: Three.", "f")
    firsts = {converse("hello", chat=KnowledgeChat(file, seed=seed))[0] for seed in range(20)}
    assert firsts == {"One.", "Two.", "Three."}


def test_several_sentences_are_answered_by_what_they_ask() -> None:
    assert converse("Well, I have been standing here. It's a nice room. What is your licence?")[0] in entry(
        "What is your licence?"
    )


def test_the_clock_is_the_one_that_was_passed() -> None:
    assert converse("what time is it")[0] == "It's three twenty in the afternoon."
    assert converse("what's the date today?")[0] == "It's Saturday, the 21st of November 2026."
    assert converse("what day is tomorrow")[0] == "Tomorrow is Sunday, the 22nd of November 2026."
    assert converse("which year is it")[0] == "It's 2026."
    assert converse("what month is it")[0] == "It's November."


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "It's midnight."),
        (12, 0, "It's noon."),
        (0, 5, "It's twelve oh five at night."),
        (6, 0, "It's six o'clock in the morning."),
        (11, 59, "It's eleven fifty nine in the morning."),
        (19, 30, "It's seven thirty in the evening."),
        (23, 10, "It's eleven ten at night."),
    ],
)
def test_times_as_people_say_them(hour: int, minute: int, said: str) -> None:
    assert spoken_time(datetime(2026, 1, 1, hour, minute)) == said


@pytest.mark.parametrize(("day", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (23, "23rd")])
def test_days_of_the_month(day: int, said: str) -> None:
    assert f"the {said} of May 2026" in spoken_date(datetime(2026, 5, day))


def test_she_greets_whoever_has_said_nothing() -> None:
    assert CHAT.reply([]) in entry("Hello")
    assert CHAT.reply([], "You are a guide. Greet visitors with “Welcome to the museum!”") == "Welcome to the museum!"
    assert CHAT.reply([], 'Say exactly: "It\'s me." Nothing else.') == "It's me."
    assert CHAT.reply([], "Say 'Hello, it's me' to them.") == "Hello, it's me"
    assert CHAT.reply([], "Say goodbye to the visitor") in entry("Goodbye")
    assert CHAT.reply([], "Be kind.") in entry("Hello")
    assert CHAT.reply([], 'If somebody asks for prices, say "ask at the desk".') in entry("Hello")
    shop = KnowledgeChat(parse_knowledge("## When do you open?\n\nAt nine.", "f"), now=lambda: NOON)
    assert shop.reply([]) == "Good afternoon. What would you like to know?"
    assert shop.reply([Message("user", "hi"), Message("assistant", "Hello.")]).startswith("I'm still here")


def test_instructions_replace_an_answer_only_where_they_are_nothing_but_a_command() -> None:
    asked = [Message("user", "what is your licence")]
    assert CHAT.reply(asked, 'Say "One moment."') == "One moment."
    assert CHAT.reply(asked, 'You are a guide. Greet with "Welcome!"') in entry("What is your licence?")
    assert commanded('Say "a" or "b"', alone=True) == ""


def test_a_kiosk_file_keeps_the_manners_and_the_clock() -> None:
    shop = KnowledgeChat(parse_knowledge("## What time do you open?\n\nAt nine.", "f"), now=lambda: NOON)
    assert converse("thanks!", "what time do you open", "what time is it", "bye", "stop", chat=shop)[1:3] == [
        "At nine.",
        "It's three twenty in the afternoon.",
    ]


def test_system_messages_are_no_turns() -> None:
    assert CHAT.reply([Message("user", "are you real"), Message("system", "Be brief.")]) in entry("Are you real?")


async def test_greetings_and_regrets_begin_with_what_she_feels() -> None:
    async def first(text: str, *, expressive: bool) -> tuple[str, str]:
        chat = KnowledgeChat(KNOWLEDGE, now=lambda: NOON, tokens_per_second=0, expressive=expressive)
        tokens = [token async for token in chat.stream([Message("user", text)])]
        return tokens[0], "".join(tokens)

    # With the first word: a token of its own would cost a token's time.
    assert await first("My name is Ada.", expressive=True) == ("[joy:0.4] Nice", "[joy:0.4] Nice to meet you, Ada.")
    assert (await first("xylophone quota", expressive=True))[0] == "[concern:0.4] I"
    assert (await first("are you real", expressive=True))[1] in entry("Are you real?")
    assert (await first("My name is Ada.", expressive=False))[0] == "Nice"


async def test_tokens_come_at_their_pace() -> None:
    loop = asyncio.get_running_loop()
    chat = KnowledgeChat(KNOWLEDGE, tokens_per_second=10)
    began, tokens = loop.time(), []
    async for token in chat.stream([Message("user", "are you real")]):
        tokens.append((token, loop.time() - began))
    assert "".join(token for token, _ in tokens) in entry("Are you real?")
    assert [at for _, at in tokens] == pytest.approx([k / 10 for k in range(len(tokens))], abs=1e-6)
    at_once = KnowledgeChat(KNOWLEDGE, tokens_per_second=0)
    began = loop.time()
    assert [token async for token in at_once.stream([Message("user", "are you real")])] == [t for t, _ in tokens]
    assert loop.time() == began


@settings(deadline=None)
@given(st.text(max_size=200))
def test_tokens_join_to_their_text(text: str) -> None:
    tokens = split_tokens(text)
    assert "".join(tokens) == text
    assert all(tokens)


def test_tokens_are_word_pieces() -> None:
    assert split_tokens("Synthesiser, yes.") == ["Synth", "esise", "r", ",", " yes", "."]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=80) | st.sampled_from(["why", "more", "yes", "2+", "my name is", "it"]), max_size=5))
def test_nothing_that_is_written_raises(lines: list[str]) -> None:
    assert all(converse(*lines))


def test_huge_and_hostile_messages_get_an_answer() -> None:
    for text in (
        "a" * 10_000_000,
        "what " * 1_000_000,
        "((((" * 100_000,
        "1+" * 1_000_000,
        "\x00\u202e" * 1000,
        "'" * 99_999,
    ):
        assert converse(text)[0]
