"""KnowledgeChat: a conversation from a file of questions and answers, without a model and without a network.

It keeps nothing between calls: what was said before is read from the messages, so one object serves every session.
It says only what its file, the clock and arithmetic say, and where they are silent, it says that.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime

from engines import Message
from engines.arithmetic import answer_sum
from engines.knowledge_file import (
    DEFAULT_KNOWLEDGE,
    Entry,
    Knowledge,
    KnowledgeError,
    load_knowledge,
    parse_knowledge,
    plain,
)
from engines.knowledge_mood import mood_of
from engines.knowledge_past import Past
from engines.knowledge_search import Index, Match
from engines.knowledge_talk import (
    ASKED,
    BUILT_IN,
    HELLO,
    MORE,
    NAME,
    REPEAT,
    WHY,
    YES,
    calendar,
    commanded,
    greeting,
    name_in,
    other_language,
)
from engines.knowledge_words import content, terms

__all__ = [
    "DEFAULT_KNOWLEDGE",
    "Entry",
    "Knowledge",
    "KnowledgeChat",
    "KnowledgeError",
    "load_knowledge",
    "parse_knowledge",
    "recogniser_phrases",
]

SURE = 0.52
"""Confidence from which a match is answered: it parts the paraphrases of the tests from their off-topic questions."""
UNSURE = 0.4
"""From here on she asks whether this was meant."""
SURE_BUILT_IN = 0.8
"""The clock and the manners are asked for in few words, nearly verbatim."""
SURE_IN_CONTEXT = 0.5
COVERED_IN_CONTEXT = 0.6
"""A follow-up may borrow its topic from the conversation, but most of its own words must be in the question found."""
TOPIC_SHARE, QUESTION_SHARE = 0.6, 0.25
"""Weights of what is borrowed: the topic of the last answer, and other words of the last question."""

_POINTING = frozenset(["it", "its", "that", "this", "they", "them", "their", "those", "these", "there", "one"])
_LEADS = re.compile(r"\s*(?:and|but|so|what about|how about|ok(?:ay)?)\b", re.IGNORECASE)
_ASKED_BACK = re.compile(r"Did you mean: (?P<question>.{1,200}?)\?*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

UNKNOWN = (
    "I don't know that. I answer from a file of notes, and this isn't in it. "
    "Connect a language model in my settings, and I can talk about almost anything.",
)
UNKNOWN_AGAIN = (
    "That isn't in my notes either.",
    "Sorry, I don't know. My notes say nothing about it.",
    "I have no answer to that one.",
)
OTHER_LANGUAGE = "I'm sorry, only English so far. With a language model and another voice connected, I could say it."
UNREADABLE = "I'm sorry, I couldn't read that. In this mode, I only understand English words."
NO_TOPIC = "More about what? Ask me something first."
NO_QUESTION = "This is the first thing you have said to me."
NO_MORE = "That's all I know about it."
NO_REASON = "I can't say why. My notes only go that far."


def recogniser_phrases(knowledge: Knowledge) -> list[str]:
    """Everything that she is sure to understand, for a recogniser's grammar: the file's questions and her own."""
    own = [plain(question) for entry in BUILT_IN for question in entry.questions]
    return list(dict.fromkeys([*knowledge.phrases(), *own]))


class KnowledgeChat:
    """Implements `engines.LLM` over a knowledge file."""

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        tokens_per_second: float = 60.0,
        now: Callable[[], datetime] = datetime.now,
        seed: int = 0,
        expressive: bool = False,
    ) -> None:
        """
        Args:
            knowledge: from `load_knowledge`.
            tokens_per_second: pace of the stream, about five letters a token; 0 sends them all at once.
            now: the clock she reads the time and date from.
            seed: chooses which variant of an answer comes first.
            expressive: greetings, regrets and doubts begin with a tag that says what she feels.
        """
        self._index = Index(knowledge.entries)
        self._built_in = Index(BUILT_IN)
        self._entries = knowledge.entries
        self._titles = {plain(question): entry for entry in knowledge.entries for question in entry.questions}
        self._tokens_per_second = tokens_per_second
        self._now = now
        self._seed = seed
        self._expressive = expressive

    async def warm(self) -> None:
        """Nothing is cold: the file was read and indexed when this was made."""

    async def close(self) -> None:
        """Nothing is held."""

    async def stream(
        self, messages: Sequence[Message], *, instructions: str = "", temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        """The reply in word pieces. `temperature` has no meaning here: the answers are written down."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        reply = self.reply(messages, instructions)
        # With the first word: on its own it would cost a token's time.
        mood = mood_of(reply) if self._expressive else ""
        for count, token in enumerate(split_tokens(reply)):
            if self._tokens_per_second > 0:
                await asyncio.sleep(start + count / self._tokens_per_second - loop.time())
            yield token if count else mood + token

    def reply(self, messages: Sequence[Message], instructions: str = "") -> str:
        """The whole reply to the conversation so far; never raises, whatever was written."""
        spoken = [message for message in messages if message.role != "system"]
        pending = bool(spoken) and spoken[-1].role == "user"
        if words := commanded(instructions, alone=pending):
            return words
        if not pending:
            return self._greet(instructions, begun=bool(spoken))
        return self._answer(spoken[-1].text, Past(spoken[:-1], self._entries))

    def _greet(self, instructions: str, begun: bool) -> str:
        if begun:
            return "I'm still here. What else would you like to know?"
        ordered = re.match(r"\s*(?:please )?say (.{1,60})", instructions, re.IGNORECASE)
        found = self._index.search(self._index.read(ordered[1])) if ordered else None
        if found is None or found.confidence < SURE:
            found = self._index.search(self._index.read("hello"))
        if found and found.confidence >= SURE:
            return self._variant(found.entry.answers, Past(()))
        return greeting(self._now())

    def _answer(self, text: str, past: Past) -> str:
        if result := answer_sum(text[:400], past.reply):
            return result
        verbatim = plain(text[:400]) in self._titles
        if not verbatim and (named := name_in(text)):
            name, end = named
            return f"Nice to meet you, {name}. {self._lookup(text[end:], past) or ''}".strip()
        if not verbatim and other_language(text):
            return OTHER_LANGUAGE
        if reply := self._confirmed(text, past) or self._lookup(text, past):
            return reply
        if not terms(text):
            return UNREADABLE if any(letter.isalpha() for letter in text) else "I didn't catch that. Say it again?"
        return self._unknown(text, past)

    def _confirmed(self, text: str, past: Past) -> str | None:
        """The answer to the question that she had asked back, where the reply to it was yes."""
        asked = _ASKED_BACK.search(past.reply)
        words = plain(text[:60]).split()
        if not asked or not words or words[0] not in YES:
            return None
        entry = self._titles.get(plain(asked["question"]))
        return self._variant(entry.answers, past) if entry else None

    def _lookup(self, text: str, past: Past) -> str | None:
        """The best answer among the whole message and its sentences, the later one where they are equally good."""
        parts = [text[:4000], *reversed(_SENTENCE_END.split(text[:4000].strip())[-6:])]
        best: Match | None = None
        for part in dict.fromkeys(parts):
            found = self._match(part, past)
            if found and (best is None or found.confidence > best.confidence + 0.05):
                best = found
        return self._say(best.entry, past) if best else None

    def _match(self, text: str, past: Past) -> Match | None:
        """The entry that a question means, on its own or in the light of what was talked about."""
        words = self._index.read(text)
        verbatim = self._titles.get(plain(text[:400]))
        own = Match(verbatim, 1.0, 1.0) if verbatim else self._index.search(words)
        built_in = self._built_in.search(self._built_in.read(text))
        if built_in and built_in.confidence >= SURE_BUILT_IN and (not own or built_in.confidence > own.confidence):
            return built_in
        sure = own is not None and own.confidence >= SURE
        pointing = _POINTING.intersection(terms(text))
        if (not sure or pointing or _LEADS.match(text)) and (followed := self._follow(words, past)):
            return followed
        if not verbatim and (not sure or pointing) and self._continues(words, past):
            return Match(MORE, 1.0, 1.0)
        if sure:
            return own
        spoken_of = self._index.search_answers(words)
        return Match(spoken_of, SURE, 1.0) if spoken_of else None

    def _follow(self, words: Mapping[str, float], past: Past) -> Match | None:
        """A question that takes its topic from the last answer."""
        if past.topic is None or not content(words):
            return None
        context = dict.fromkeys(content(self._index.read(past.question)), QUESTION_SHARE)
        context |= dict.fromkeys(self._index.topic(past.topic), TOPIC_SHARE)
        own = {word: share for word, share in words.items() if word not in _POINTING}
        found = self._index.search(own, context)
        if found and found.confidence >= SURE_IN_CONTEXT and found.covered >= COVERED_IN_CONTEXT:
            return found
        return None

    def _continues(self, words: Mapping[str, float], past: Past) -> bool:
        """What is asked for is what she would add to her last answer anyway."""
        wanted = set(content(words)) - _POINTING
        return bool(wanted) and wanted <= set(terms(past.continuation))

    def _say(self, entry: Entry, past: Past) -> str:
        if said := calendar(entry, self._now()):
            return said
        if entry is MORE or entry is WHY:
            exhausted = NO_TOPIC if past.topic is None else NO_MORE if entry is MORE else NO_REASON
            return past.continuation or exhausted
        if entry is REPEAT:
            return past.reply or "I haven't said anything yet."
        if entry is ASKED:
            return f"You said: {past.question[:300]}" if past.question else NO_QUESTION
        if entry is NAME:
            return f"Your name is {past.name}." if past.name else "You haven't told me your name yet."
        if entry is HELLO:
            return greeting(self._now())
        return self._variant(entry.answers, past)

    def _variant(self, variants: Sequence[str], past: Past) -> str:
        """The next variant: seeded where nothing was said yet, then in turn, so that she repeats herself late."""
        first = random.Random(f"{self._seed}:{variants[0]}").randrange(len(variants))
        return variants[(first + past.uses(variants)) % len(variants)]

    def _unknown(self, text: str, past: Past) -> str:
        near = self._index.search(self._index.read(text))
        if near and near.confidence >= UNSURE:
            question = near.entry.questions[0].rstrip("?")
            return f"I'm not sure that I understood. Did you mean: {question}?"
        return self._variant(UNKNOWN_AGAIN, past) if past.uses(UNKNOWN) else UNKNOWN[0]


def split_tokens(text: str) -> list[str]:
    """Word pieces of at most five letters with the space before them, as a language model's tokens come."""
    return re.findall(r"\s*[^\W_]{1,5}|\s*\S|\s+", text)
