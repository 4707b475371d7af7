"""Sounds of words that no dictionary has."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.tts.letters import ALPHABET, DEFAULT_LETTERS, Letters, english, guess, spelt
from engines.tts.lexicon import VOWELS, Phone, Phones, decode, encode, parse
from training.letters import Aligner, distance, graphones, judge, model
from training.lexicon import Stresses, from_ipa, pack

pytestmark = pytest.mark.unit


def written(phones: Phones) -> str:
    return " ".join(phone.symbol + (str(phone.stress) if phone.symbol in VOWELS else "") for phone in phones)


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("blorf", "B L AO1 R F"),
        ("snarkle", "S N AA1 R K AH0 L"),
        ("zibbing", "Z IH1 B IH0 NG"),
        ("frent", "F R EH1 N T"),
        ("chonk", "CH AA1 NG K"),
        ("plash", "P L AE1 SH"),
        ("brt", "B IY2 AA2 R T IY1"),
    ],
)
def test_says_strange_words_as_a_reader_would(word: str, phones: str) -> None:
    assert written(guess(word)) == phones


def test_spells_with_the_last_letter_stressed() -> None:
    assert written(spelt("fbiw")) == "EH2 F B IY2 AY2 D AH1 B AH0 L Y UW0"


@settings(max_examples=25, deadline=None)
@given(st.text(ALPHABET, min_size=1, max_size=25).filter(lambda word: word.strip("'")))
def test_any_letters_are_speakable(word: str) -> None:
    phones = guess(word)
    stresses = [phone.stress for phone in phones if phone.symbol in VOWELS]
    assert stresses.count(1) == 1
    assert len(phones) <= 10 * len(word)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    whole = DEFAULT_LETTERS.read_bytes()
    for name, data in (("cut.npz", whole[:9000]), ("noise.npz", b"noise"), ("empty.npz", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ValueError, match="build it again"):
            Letters.load(path)


def test_learns_a_spelling_from_examples(tmp_path: Path) -> None:
    sounds = {"b": "B", "a": "AA1", "d": "D", "e": "EH0", "x": "K S", "k": "K"}
    ends = ["".join(pair) for pair in itertools.product("bdxk", repeat=2)]
    words = [f"{first}a{second}{end}" for first in ends for second in ("e", "") for end in "bdxk"]
    pairs = [(word, parse(" ".join(sounds[letter] for letter in word))) for word in words]
    path = tmp_path / "letters.npz"
    np.savez(path, allow_pickle=False, **model(*graphones(pairs)))
    assert judge(Letters.load(path), pairs)["words_right"] > 0.95
    assert [written(chunk) for chunk in Aligner(pairs).align("baxd", parse("B AA1 K S D"))] == ["B", "AA1", "K S", "D"]


def test_guesses_are_the_same_every_time() -> None:
    assert english().phones("brillig") == Letters.load().phones("brillig")


def test_distance_counts_edits() -> None:
    assert [distance("kitten", "sitting"), distance("", "abc"), distance("same", "same")] == [3, 3, 0]


@pytest.mark.parametrize(
    ("word", "ipa", "phones"),
    [
        ("water", "wˈɔɾəɹ", "W AO1 T ER0"),
        ("ladder", "lˈæɾəɹ", "L AE1 D ER0"),
        ("button", "bˈʌʔn", "B AH1 T AH0 N"),
        ("around", "əɹˈWnd", "AH0 R AW1 N D"),
        ("certificate", "səɹtˈɪfəkət", "S ER0 T IH1 F AH0 K AH0 T"),
        ("deteriorated", "dətˈɪɹiəɹˌAɾᵻd", "D AH0 T IH1 R IY0 AH0 R EY2 T IH0 D"),
    ],
)
def test_reads_the_dictionarys_ipa(word: str, ipa: str, phones: str) -> None:
    assert written(from_ipa(word, ipa)) == phones


def test_gives_stress_by_analogy() -> None:
    stresses = Stresses([parse("N EY1 SH AH0 N"), parse("S T EY1 SH AH0 N"), parse("AH0 B AW1 T")])
    assert written(stresses.assign(("R", "EY", "SH", "AH", "N"))) == "R EY1 SH AH0 N"
    assert written(stresses.assign(("S", "AH", "B", "AW", "T"))) == "S AH0 B AW1 T"


def test_leaves_regular_forms_out_of_the_dictionary() -> None:
    entries = {word: {"": parse(phones)} for word, phones in {
        "walk": "W AO1 K", "walks": "W AO1 K S", "walked": "W AO1 K T", "is": "IH0 Z",
    }.items()}  # fmt: skip
    assert len(pack(entries)) < len(pack(entries | {"does": {"": parse("D AH1 Z")}}))


def test_codes_are_one_character_a_phone() -> None:
    phones = (Phone("HH"), Phone("AH"), Phone("L"), Phone("OW", 1))
    assert decode(encode(phones)) == phones
    assert len(encode(phones)) == 4
