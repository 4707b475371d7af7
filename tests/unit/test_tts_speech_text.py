"""Texts as words with phones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.tts.lexicon import CONSONANTS, VOWELS, Lexicon, Phone
from engines.tts.speech_text import Reader, SpokenWord
from pipeline.phrases import Phraser

pytestmark = pytest.mark.unit

CHAT = Path(__file__).parents[2] / "training" / "data" / "chat.txt"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def said(words: list[SpokenWord]) -> str:
    return " ".join(word.text + word.after for word in words)


def sounds(words: list[SpokenWord]) -> str:
    return " / ".join(
        " ".join(phone.symbol + (str(phone.stress) if phone.symbol in VOWELS else "") for phone in word.phones)
        for word in words
    )


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It costs $3.50, €5 or £2 million.", "It costs three dollars fifty, five euros or two million pounds."),
        ("$0.99, $1, $5-10, 5€", "ninety nine cents, one dollar, five to ten dollars, five euros"),
        ("At 3:30 p.m. Bob left.", "At three thirty P M. Bob left."),
        ("14:05, 15:00, 3:00, 8 am", "fourteen oh five, fifteen hundred, three o'clock, eight A M"),
        ("On March 3rd, 2020", "On March third, twenty twenty"),
        ("2024-02-29, 12/25/2023",
         "February twenty ninth, twenty twenty four, December twenty fifth, twenty twenty three"),
        ("3 March 1999, the 4th of July", "the third of March, nineteen ninety nine, the fourth of July"),
        ("1984, 2000, 2007, 1905, the 1980s, the '90s",
         "nineteen eighty four, two thousand, two thousand seven, nineteen oh five, the nineteen eighties, "
         "the nineties"),
        ("5 km, 1 m, -5°C, 50%, 10 m², 2.4GHz",
         "five kilometers, one meter, minus five degrees Celsius, fifty percent, ten square meters, "
         "two point four gigahertz"),
        ("1/2, 3/4, 1 1/2 hours, ½, 22/7",
         "one half, three quarters, one and a half hours, one half, twenty two sevenths"),
        ("Call 555-1234.", "Call five five five, one two three four."),
        ("+1 555 123 4567", "plus one, five five five, one two three, four five six seven"),
        ("10–20, 1914-1918, -7", "ten to twenty, nineteen fourteen to nineteen eighteen, minus seven"),
        ("the 21st, No. 5. No. Why?", "the twenty first, number five. No. Why?"),
        ("Dr. Smith, e.g. Mr Jones, lives on Elm St. near St. Mary.",
         "doctor Smith, for example mister Jones, lives on Elm street near saint Mary."),
        ("U.S.A., J. K. Rowling, etc. Then", "USA, J K Rowling, et cetera. Then"),
        ("MP3, 4K, B2B, x86, GPT-4", "M P three, four K, B two B, X eighty six, GPT four"),
        ("Mail a.b@c.org, see config.toml.", "Mail a dot b at c dot org, see config dot toml."),
        ("Henry VIII, World War II, I", "Henry the eighth, World War two, I"),
        ("and/or he/she, w/o TCP/IP", "and or he or she, without TCP IP"),
        ("Version 1.2.3, 3.14, 007, 10,000",
         "Version one point two point three, three point one four, zero zero seven, ten thousand"),
        ("1.5 million, 10k users, 3x, 1920x1080",
         "one point five million, ten thousand users, three times, one thousand nine hundred "
         "twenty by one thousand eighty"),
        ("A dog and vitamin A.", "a dog and vitamin A."),
        ("hello... world… Wait... What?!", "hello, world. Wait. What?"),
        ("well-known (brackets) - dash", "well known, brackets, dash"),
        ("**Bold** [link](http://a.b/c) 😀 `code`", "Bold link code"),
        ("naïve Łódź straße π 5µm 日本", "naive Lodz strasse pi five micrometers"),
        ("E=mc² and x->y", "E equals mc squared and x to y"),
        ("C++, C#, #1, #fun, @bob, ~5 < 6",
         "C plus plus, C sharp, number one, hashtag fun, at bob, about five less than six"),
    ],
)  # fmt: skip
def test_says_what_is_written(reader: Reader, written: str, spoken: str) -> None:
    assert said(reader.read(written)) == spoken


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("the dog", "DH AH0 / D AO1 G"),
        ("the apple", "DH IY0 / AE1 P AH0 L"),
        ("to the hour", "T AH0 / DH IY0 / AW1 ER0"),
        ("I will read it", "AY1 / W IH0 L / R IY1 D / IH0 T"),
        ("She has read it", "SH IY0 / HH AE0 Z / R EH1 D / IH0 T"),
        ("They live here", "DH EY0 / L IH1 V / HH IH1 R"),
        ("a live show", "AH0 / L AY1 V / SH OW1"),
        ("to record a record", "T AH0 / R AH0 K AO1 R D / AH0 / R EH1 K ER0 D"),
        ("Use the use", "Y UW1 Z / DH AH0 / Y UW1 S"),
        ("I used to use it", "AY1 / Y UW1 S T / T AH0 / Y UW1 Z / IH0 T"),
        ("polish the Polish cup", "P AA1 L IH0 SH / DH AH0 / P OW1 L IH0 SH / K AH1 P"),
        ("NASA FBI GPUs", "N AE1 S AH0 / EH2 F B IY2 AY1 / JH IY2 P IY2 Y UW1 Z"),
        ("us in the US", "AH2 S / IH0 N / DH AH0 / Y UW2 EH1 S"),
        ("cycled feelings Bob's", "S AY1 K AH0 L D / F IY1 L IH0 NG Z / B AA1 B Z"),
        ("JavaScript organise colour", "JH AA1 V AH0 S K R IH2 P T / AO1 R G AH0 N AY2 Z / K AH1 L ER0"),
        ("Visavis", "V IY2 Z AH0 V IY1"),
    ],
)
def test_knows_how_words_sound(reader: Reader, text: str, phones: str) -> None:
    assert sounds(reader.read(text)) == phones


def test_reads_everyday_sentences_without_guessing(reader: Reader) -> None:
    for sentence in CHAT.read_text("utf-8").splitlines():
        assert reader.unknown(sentence) == []
        assert len(reader.read(sentence)) == len(sentence.split())


def test_ends_lie_in_the_original_text(reader: Reader) -> None:
    text = "**Pay** $5 to [Bob](http://b.c/d) 😀."
    words = reader.read(text)
    assert [(word.text, text[: word.end][-4:]) for word in words] == [
        ("Pay", "*Pay"), ("five", "*Pay"), ("dollars", "* $5"), ("to", "5 to"), ("Bob", "[Bob"),
    ]  # fmt: skip
    assert words[-1].after == "."


def test_own_pronunciations_win() -> None:
    reader = Reader(pronunciations={"Nguyen": "W IH1 N", "mp3": "EH1 M P IY0"})
    assert sounds(reader.read("nguyen's MP3, Nguyen")) == "W IH1 N Z / EH1 M P IY0 / W IH1 N"
    assert reader.unknown("Nguyen") == []


@pytest.mark.parametrize(
    ("word", "arpabet", "told"),
    [
        ("Bob", "B AX1 B", "'AX1' is no ARPAbet phone"),
        ("Bob", "B1 AA1 B", "'B1' is no ARPAbet phone"),
        ("Bob", "", "no vowel"),
        ("Bob", "B B", "no vowel"),
        ("two words", "B AA1 B", "'two words' is no word"),
        ("", "B AA1 B", "is no word"),
    ],
)
def test_refuses_what_is_no_pronunciation(word: str, arpabet: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Reader(pronunciations={word: arpabet})


@pytest.mark.parametrize("nothing", ["", " \n", "?!", "...", "😀", "***", "日本語", "\u202e\x00", "-", "'"])
def test_says_nothing(reader: Reader, nothing: str) -> None:
    assert reader.read(nothing) == []


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=80) | st.text(st.sampled_from("aAbzéßωΩ'’.-_/:@#$€%&*²½٣①1290 ,!?()[]`\u0301😀x日"), max_size=80)
)
def test_any_text_becomes_finite_speech(reader: Reader, text: str) -> None:
    words = reader.read(text)
    known = {*VOWELS, *CONSONANTS}
    for word in words:
        assert word.text
        assert any(phone.symbol in VOWELS for phone in word.phones), word
        assert all(
            p.symbol in known and 0 <= p.stress <= 2 and (p.symbol in VOWELS or not p.stress) for p in word.phones
        )
        assert word.after in {"", ",", ".", "?", "!", ";", ":", "-"}
    assert all(a.end <= b.end for a, b in pairwise(words))
    assert all(0 <= word.end <= len(text) for word in words)
    assert sum(len(word.phones) for word in words) <= 60 * len(text)


def test_long_noise_is_read_in_time_that_grows_with_it(reader: Reader) -> None:
    for noise in (
        "a" * 5000,
        "7" * 5000,
        "1,234" * 1000,
        "x" * 5000,
        "A." * 2500,
        "-" * 5000,
        "1-" * 2500,
        "a.b" * 1700,
    ):
        assert sum(len(word.phones) for word in reader.read(noise)) <= 12 * 5000


PIECES = (
    "Dr. Smith paid $5 million for 3.5 km of it",
    "It was March 3, 2020 at 5:30 p.m. in the U.S.",
    "Well, **no**: e.g. this",
    "the MP3 costs 50% - or 1/2",
    "[docs](https://a.b/c?d) say \"hi\" (really)!",
    "Is it 20 °C, 5-10 or 7 kg?",
    "ok 😀\n",
    "- item one\n",
    "Henry VIII and Mr Jones",
    "Call 555-123-4567 or mail a@b.org;",
    "naïve café… yes",
    "A dog: vitamin A.",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), st.sampled_from([" ", ". ", "\n"]))
def test_phrases_say_the_same_words_as_the_whole(reader: Reader, chosen: list[str], joint: str) -> None:
    text = joint.join(chosen)
    phraser = Phraser()
    phrases = [phrase.text for phrase in (*phraser.feed(text), *phraser.flush())]
    assert "".join(phrases) == text
    parts = [word.text.lower() for phrase in phrases for word in reader.read(phrase)]
    assert parts == [word.text.lower() for word in reader.read(text)]


def test_a_damaged_dictionary_is_refused(tmp_path: Path) -> None:
    whole = (Path(__file__).parents[2] / "engines" / "data" / "lexicon.z").read_bytes()
    for name, data in (("cut", whole[:5000]), ("noise", b"noise"), ("empty", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ValueError, match="build it again"):
            Lexicon.load(path)


def test_finds_exactly_the_words_that_are_there() -> None:
    lexicon = Lexicon(b"\na\t0\nab\t1\tV2\nb\t3\nz\t4\n")
    assert lexicon.find("ab") == {"": (Phone("AA", 1),), "V": (Phone("AA", 2),)}
    assert all(word in lexicon for word in ("a", "ab", "b", "z"))
    assert not any(word in lexicon for word in ("", "aa", "abc", "c", "é", "\n", "a\t0", "A"))
