"""Figures as an English speaker says them: amounts, ordinals, years, times, dates, money, measures."""

from __future__ import annotations

import re

from engines.numbers import LARGEST, digits_in_words, in_words

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\d.])\.\d+"
"""A cardinal, with thousands separated by commas, decimals after a point."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"), "¥": ("yen", "yen", "", ""), "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
MAGNITUDES = {
    "k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "t": "trillion",
    "tn": "trillion", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip

_PLURAL_S = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "μm": "micrometer", "nm": "nanometer",
    "mi": "mile", "yd": "yard", "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter", "s": "second", "sec": "second",
    "ms": "millisecond", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour", "V": "volt",
    "mV": "millivolt", "mA": "milliamp", "KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte",
    "TB": "terabyte", "px": "pixel", "dB": "decibel", "kPa": "kilopascal", "hPa": "hectopascal", "kcal": "kilocalorie",
    "kJ": "kilojoule", "degrees": "degree", "MP": "megapixel", "Ω": "ohm",
}  # fmt: skip
UNITS_OF_MEASURE: dict[str, tuple[str, str]] = {sign: (name, f"{name}s") for sign, name in _PLURAL_S.items()} | {
    "%": ("percent", "percent"), "ft": ("foot", "feet"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "fps": ("frame per second",
    "frames per second"), "mph": ("mile per hour", "miles per hour"), "km/h": ("kilometer per hour",
    "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "m²": ("square meter", "square meters"), "km²": ("square kilometer", "square kilometers"),
    "cm²": ("square centimeter", "square centimeters"), "m³": ("cubic meter", "cubic meters"),
    "cm³": ("cubic centimeter", "cubic centimeters"), "sq ft": ("square foot", "square feet"),
    "degrees C": ("degree Celsius", "degrees Celsius"), "degrees F": ("degree Fahrenheit", "degrees Fahrenheit"),
}  # fmt: skip
"""Singular and plural by sign."""


def cardinal(figures: str) -> str:
    """`1,234.5` is "one thousand two hundred thirty four point five". Leading zeros are read out."""
    whole, _, decimals = figures.replace(",", "").partition(".")
    said = digits_in_words(whole) if whole else "zero"
    if decimals:
        said += " point " + digits(decimals)
    return said


def digits(figures: str) -> str:
    """One by one, 64 at most: whoever writes more does not want them read."""
    return " ".join(in_words(int(figure)) for figure in figures[:64])


def ordinal(value: int) -> str:
    """`21` is "twenty first"; values from `LARGEST` on are read as digits."""
    if value >= LARGEST:
        return digits_in_words(str(value))
    *before, last = in_words(value).split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return " ".join([*before, last])


def year(value: int) -> str:
    """`1984` is "nineteen eighty four", `1905` "nineteen oh five", `2000` "two thousand"; 1100..2099."""
    century, rest = divmod(value, 100)
    if rest == 0:
        return in_words(value) if century % 10 == 0 else f"{in_words(century)} hundred"
    if century == 20 and rest < 10:
        return in_words(value)
    return f"{in_words(century)} {'oh ' if rest < 10 else ''}{in_words(rest)}"


def decade(figures: str) -> str:
    """`1980` (as in 1980s) is "nineteen eighties", `90` "nineties"; figures end in 0."""
    said = year(int(figures)) if len(figures) == 4 else in_words(int(figures))
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def whole(figures: str) -> str:
    """A number without sign or unit: four figures from 1100 to 2099 are read as a year."""
    if re.fullmatch(r"\d{4}", figures) and 1100 <= int(figures) < 2100:
        return year(int(figures))
    return cardinal(figures)


def fraction(above: int, below: int) -> str:
    """`3/4` is "three quarters"; small denominators have names, others are read "over"."""
    names = {2: ("half", "halves"), 4: ("quarter", "quarters")}
    if not 2 <= below <= 20 or above >= 100:
        return f"{digits_in_words(str(above))} over {digits_in_words(str(below))}"
    one, many = names.get(below, (ordinal(below), ordinal(below) + "s"))
    return f"{in_words(above)} {one if above == 1 else many}"


def clock(hour: int, minute: int, second: int | None, half: str) -> str:
    """`14, 5` is "fourteen oh five", `3, 0` "three o'clock"; `half` is "a" or "p" for a.m. or p.m., or empty."""
    said = in_words(hour)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{in_words(minute)}"
    elif not half:
        said += " hundred" if hour > 12 or hour == 0 else " o'clock"
    if second:
        said += f" and {in_words(second)} second{'s' if second > 1 else ''}"
    return said + (f" {half.upper()} M" if half else "")


def date(day: int, month: int, in_year: str, day_first: bool = False) -> str:
    """ "January third, twenty twenty", or "third of January, …"."""
    name = MONTHS[month - 1]
    said = f"{ordinal(day)} of {name}" if day_first else f"{name} {ordinal(day)}"
    return said + (f", {whole(in_year)}" if in_year else "")


def money(sign: str, figures: str, magnitude: str) -> str:
    """`$3.50` is "three dollars fifty", `£2 million` "two million pounds"."""
    one, many, small, smalls = CURRENCIES[sign]
    if magnitude:
        return f"{cardinal(figures)} {MAGNITUDES[magnitude.lower()]} {many}"
    before, _, after = figures.replace(",", "").partition(".")
    if len(after) != 2 or not small:
        return f"{cardinal(figures)} {one if figures == '1' else many}"
    minor = int(after)
    if not before.strip("0"):
        return f"{in_words(minor)} {small if minor == 1 else smalls}"
    said = f"{cardinal(before)} {one if before == '1' else many}"
    return said + (f" {in_words(minor)}" if minor else "")


def measure(figures: str, sign: str) -> str:
    """`5 km` is "five kilometers"."""
    one, many = UNITS_OF_MEASURE[sign]
    return f"{cardinal(figures)} {one if figures == '1' else many}"


def roman(numeral: str) -> int:
    """The value of a well-formed Roman numeral up to 39; 0 for anything else."""
    found = re.fullmatch(r"(X{0,3})(IX|IV|V?I{0,3})", numeral)
    if not found or not numeral:
        return 0
    ones = {"": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}
    return 10 * len(found[1]) + ones[found[2]]
