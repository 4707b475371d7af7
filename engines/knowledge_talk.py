"""What she can say without notes: manners, the clock, names, and who asked what."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from engines.knowledge_file import Entry, plain
from engines.numbers import in_words

LANGUAGES = frozenset({
    "french", "german", "spanish", "italian", "portuguese", "dutch", "polish", "russian", "ukrainian", "turkish",
    "arabic", "hebrew", "hindi", "chinese", "mandarin", "cantonese", "japanese", "korean", "vietnamese", "swedish",
    "danish", "norwegian", "finnish", "greek", "latin", "czech",
})  # fmt: skip

TIME = Entry(
    ("what time is it", "what's the time", "what is the time now", "do you have the time", "tell me the time",
     "what time is it now", "can you tell me the time"),
    ("",),
)  # fmt: skip
DATE = Entry(
    ("what day is it", "what day is it today", "what day is today", "what's the date", "what is the date today",
     "what is today's date", "which day is it", "tell me the date", "what date is it", "what is today"),
    ("",),
)  # fmt: skip
TOMORROW = Entry(("what day is tomorrow", "what is tomorrow's date", "what day is it tomorrow"), ("",))
YEAR = Entry(("what year is it", "which year is it", "what year is this", "what is the year"), ("",))
MONTH = Entry(("what month is it", "which month is it", "what month is this"), ("",))
MORE = Entry(
    ("tell me more", "more", "more please", "go on", "continue", "tell me more about it", "tell me more about that",
     "what else", "anything else", "can you explain that", "explain that", "explain more", "keep going",
     "say more about that", "i want to know more", "more details", "give me more details", "can you elaborate"),
    ("",),
)  # fmt: skip
WHY = Entry(
    ("why", "why is that", "why not", "how come", "how so", "but why", "why so", "what for", "why is it so"), ("",)
)
REPEAT = Entry(
    ("repeat that", "say that again", "can you repeat that", "pardon", "what did you say", "come again", "sorry",
     "please repeat", "once more", "what did you just say", "i did not hear you", "i did not understand that",
     "could you say that again please", "repeat", "say it again", "excuse me"),
    ("",),
)  # fmt: skip
ASKED = Entry(
    ("what did i just ask", "what did i ask you", "what was my question", "what did i just say", "what did i say",
     "what was my last question", "do you remember what i asked", "what did i ask before"),
    ("",),
)  # fmt: skip
NAME = Entry(
    ("what is my name", "do you know my name", "do you remember my name", "who am i", "what am i called",
     "say my name", "do you remember me", "do you know who i am"),
    ("",),
)  # fmt: skip
STOP = Entry(
    ("stop", "stop it", "stop talking", "be quiet", "quiet", "shut up", "enough", "silence", "never mind", "cancel",
     "that's enough", "hold on", "wait"),
    ("Okay.", "All right."),
)  # fmt: skip
HELLO = Entry(("hello", "hello there", "hi", "good morning", "good afternoon", "good evening"), ("",))
THANKS = Entry(
    ("thank you", "thanks", "thanks a lot", "thank you very much", "many thanks"),
    ("You're welcome.", "My pleasure.", "Any time."),
)
GOODBYE = Entry(
    ("goodbye", "bye", "bye bye", "see you", "see you later", "good night", "have a nice day"),
    ("Goodbye. It was nice to talk.", "Bye. Come back any time."),
)

BUILT_IN = (TIME, DATE, TOMORROW, YEAR, MONTH, MORE, WHY, REPEAT, ASKED, NAME, STOP, HELLO, THANKS, GOODBYE)

YES = frozenset({
    "yes", "yeah", "yep", "yup", "sure", "right", "correct", "exactly", "indeed",
})  # fmt: skip

_NAMED = re.compile(
    r"\b(?:my name(?: is|'s|s)|(?:you (?:can|may) )?call me|i am called|i'm called)\s+"
    r"(?P<name>[^\W\d_][\w'-]{0,30}(?: [A-Z][\w'-]{0,30}){0,2})",
    re.IGNORECASE,
)
_I_AM = re.compile(r"(?:(?:[Hh]i|[Hh]ello|[Hh]ey)\b[,.!]? )?I(?:'m|’m| am) (?P<name>[A-Z][a-z]{1,30})(?=[.,!]|$)")
"""Only capitalised: a recogniser's "i'm bob" can't be told from "i'm tired"."""
_NOT_A_NAME = frozenset({
    "a", "an", "the", "not", "back", "later", "again", "what", "when", "if", "now", "is", "in", "on", "it", "that",
    "this",
})  # fmt: skip
_QUOTED = r"(?:[\"“«](?P<quoted>[^\"“”«»]{1,500})[\"”»]|(?<=\s)'(?P<single>[^\n]{1,500}?)'(?=\W|$))"
_COMMAND = re.compile(
    r"(?:^|[.!?:\n])\s*(?:please |now )*(?:say|greet|welcome|begin|start|open|introduce|answer|reply|respond|tell)\b"
    r"[^\"“«'\n]{0,80}" + _QUOTED,
    re.IGNORECASE,
)
_ONLY_COMMAND = re.compile(
    r"\s*(?:please |now )*(?:say|reply|respond|answer)\b[^\"“«'\n]{0,40}" + _QUOTED + r"[\s.!]*", re.IGNORECASE
)


def commanded(instructions: str, alone: bool) -> str:
    """The words that the instructions put into her mouth (`Greet the visitor with "Welcome!"`), "" where none.

    Args:
        alone: only where the instructions are nothing but that command: a standing prompt that mentions a greeting
            must not replace the answer to a question.
    """
    head = instructions[:4000]
    found = _ONLY_COMMAND.fullmatch(head) if alone else _COMMAND.search(head)
    return (found["quoted"] or found["single"] or "").strip() if found else ""


def other_language(text: str) -> bool:
    """Asks for an answer in another language: "and in French?", "do you speak German?"."""
    words = set(plain(text[:200]).split())
    return bool(words & LANGUAGES and words & {"in", "into", "speak", "say", "talk", "translate", "answer", "switch"})


def name_in(text: str) -> tuple[str, int] | None:
    """The name that the speaker gives for themselves, and where the text goes on after it."""
    head = text[:500]
    found = _NAMED.search(head) or _I_AM.match(head)
    if not found:
        return None
    name = found["name"].split(" and ")[0]
    if name.split()[0].lower() in _NOT_A_NAME:
        return None
    return (name if name != name.lower() else name.title()), found.end()


def spoken_time(now: datetime) -> str:
    """The time as people say it: "It's twenty past three" needs a rule per quarter; "three twenty" is always right."""
    if now.minute == 0 and now.hour in {0, 12}:
        return "It's midnight." if now.hour == 0 else "It's noon."
    hour = in_words(now.hour % 12 or 12)
    minutes = "o'clock" if now.minute == 0 else f"{'oh ' if now.minute < 10 else ''}{in_words(now.minute)}"
    return f"It's {hour} {minutes} {_part_of_day(now.hour)}."


def _part_of_day(hour: int) -> str:
    if 5 <= hour < 12:
        return "in the morning"
    if 12 <= hour < 18:
        return "in the afternoon"
    return "in the evening" if 18 <= hour < 21 else "at night"


def spoken_date(now: datetime) -> str:
    day = now.day
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{now:%A}, the {day}{ending} of {now:%B} {now.year}"


def greeting(now: datetime) -> str:
    part = "morning" if 5 <= now.hour < 12 else "afternoon" if 12 <= now.hour < 18 else "evening"
    return f"Good {part}. What would you like to know?"


def calendar(entry: Entry, now: datetime) -> str:
    """The answer to one of the clock's questions, "" for any other entry."""
    if entry is TIME:
        return spoken_time(now)
    if entry is DATE:
        return f"It's {spoken_date(now)}."
    if entry is TOMORROW:
        return f"Tomorrow is {spoken_date(now + timedelta(days=1))}."
    if entry is YEAR:
        return f"It's {now.year}."
    return f"It's {now:%B}." if entry is MONTH else ""
