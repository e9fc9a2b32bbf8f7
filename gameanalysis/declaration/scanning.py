r"""The grammar of formulas: which text is one, and what is wrong with other text.

With Python's precedence (``**`` binds to the right, and tighter than a sign
before it: -x**2 = -(x**2) and 2**3**2 = 2**9), a formula is a sum:

    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/") signed)*
    signed  = ("+" | "-") signed | power
    power   = atom ["**" signed]
    atom    = number | constant | name | function "(" sum ("," sum)* ")" | "(" sum ")"

Space and line breaks only separate.  A token is read from ASCII alone: Python
takes a bold or a full-width letter for the plain one, so a name that looks
harmless could be another.  Values and operators alternate, so one pass with
one bit of state (must a value come next?) and a stack of open parentheses
checks the whole grammar, and every mistake is met at its own place.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from typing import NoReturn

from ..errors import ParseError
from .costs import SMOOTH_FUNCTIONS

__all__ = ["CONSTANTS", "FUNCTIONS", "Source", "check_name", "scan", "shown", "split_number"]

# The limits, and why each has its value.
#: Characters of a formula: five times what the operands below fill.
MAX_LENGTH = 20_000
#: Numbers and names in a formula: SymPy takes up to half a second for them.
MAX_OPERANDS = 1_000
#: Calls of functions: SymPy asks for signs, five milliseconds for a tan(acos(x)).
MAX_CALLS = 100
#: Nested parentheses, signs and powers: SymPy's printers need up to fifteen
#: Python frames a level, and Python allows 1,000 frames.
MAX_DEPTH = 40
#: Digits that a number stands for, exponent included: doubles reach 1e308.
MAX_DIGITS = 400

#: Names of the functions of a formula.
FUNCTIONS = tuple(sorted(SMOOTH_FUNCTIONS | {"sqrt"}))
#: Names of the constants of a formula.
CONSTANTS = ("E", "pi")

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>\*\*|//|[-+*/(),])", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBER = re.compile(r"(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?", re.ASCII)

_ALLOWED = (f"allowed are numbers, declared names, + - * / ** ( ), {', '.join(CONSTANTS)} "
            f"and the functions {', '.join(FUNCTIONS)}")
_MARKS = {
    "^": "'^' is not used here: a power is written x**2",
    "=": "'=' is not used here: a formula has no equations, comparisons or assignments",
    ".": "'.' is not used here: numbers may have a decimal point, names have no attributes",
    "#": "'#' is not used here: a formula has no comments",
    "\\": "'\\' is not used here: a formula may simply run over several lines",
    "%": "'%' is not used here: a remainder has jumps, where there is no derivative",
    ":": "':' is not used here: a formula has no conditions, slices or definitions",
    "!": "'!' is not used here: the factorial of x is gamma(x + 1)",
    **dict.fromkeys("<>", "comparisons are not used here: a formula is a number"),
    **dict.fromkeys("\"'`", "quotation marks are not used here: a formula holds no text"),
    **dict.fromkeys("[]{}", "only round parentheses ( ) group terms"),
}
_LOOKALIKES = {"\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "\u22c5": "*",
               "\u00f7": "/", "\u2044": "/", "\u00b2": "**2", "\u00b3": "**3",
               "\u221a": "sqrt(...)", "\u00a0": "a plain space"}
_OTHER_NAMES = {
    "ln": "the natural logarithm is log",
    "e": "Euler's number is E, and its powers exp(...)",
    **dict.fromkeys(("abs", "Abs", "fabs", "sign", "max", "Max", "min", "Min"),
                    "absolute values, signs, maxima and minima have points without a "
                    "derivative: use a smooth form such as sqrt(x**2 + 1/1000)"),
    **dict.fromkeys(("Pi", "PI"), "the circle's number is pi"),
    **{"arc" + name[1:]: f"this function is called {name}" for name in FUNCTIONS
       if name[0] == "a"},
}


class Source:
    """A formula as text, from ``start`` on; ``where`` opens its messages."""

    def __init__(self, text: str, *, where: str = "", start: int = 0) -> None:
        self.where = where + ": " if where else ""
        self.start = start
        if not isinstance(text, str):
            raise ParseError(f"{self.where}a formula is text, not {type(text).__name__}")
        if len(text) > MAX_LENGTH:
            raise ParseError(f"{self.where}a formula has at most {MAX_LENGTH} characters; "
                             f"this one has {len(text)}")
        self.text = text

    def fail(self, place: int, reason: str) -> NoReturn:
        """Raise a `ParseError` whose first line says everything by itself.

        The second line shows the text round the place, the third a caret.
        """
        before = re.split(r"\r\n|\r|\n", self.text[:place])
        row, column = len(before), len(before[-1])
        line = re.split(r"\r|\n", self.text[place - column:], maxsplit=1)[0]
        first = max(0, column - 50)
        excerpt = "".join(c if _is_one_column(c) else "?" for c in line[first:first + 70])
        spot = "" if len(re.split(r"\r|\n", self.text)) == 1 else f"line {row}, "
        raise ParseError(f"{self.where}{spot}column {column + 1}: {reason}\n"
                         f"    {excerpt}\n    {' ' * (column - first)}^")


def scan(source: Source, names: Collection[str]) -> dict[int, str]:
    """The numbers of a formula by their place, once the grammar is checked.

    ``names`` are the declared ones.  Raises `ParseError` at the first
    mistake.  Guaranteed of text that passes: it holds nothing but the tokens
    of the grammar in an order that the grammar allows, within the limits.
    """
    text, place, fail = source.text, source.start, source.fail
    for at, char in enumerate(text):
        if not (" " <= char <= "~" or char in "\t\r\n"):
            fail(at, _about_character(char))
    numbers: dict[int, str] = {}
    previous, kind = "", ""             # the last token, and its kind
    wanted = True                       # whether a value must come next
    opened: list[tuple[int, bool]] = []     # open parentheses: place, is it a call
    levels = [0]                        # signs and powers pending in each of them
    operands = calls = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            fail(place, _MARKS.get(text[place],
                                   f"{text[place]!r} is not used here; {_ALLOWED}"))
        token, new = match.group(), str(match.lastgroup)
        if new == "space":
            place = match.end()
            continue
        if previous in FUNCTIONS and token != "(":
            fail(place, f"{previous} is a function: write {previous}(...)")
        if not wanted and (new != "mark" or token == "("):
            fail(place, _about_neighbours(previous, kind, token, new))
        if new != "mark":
            wanted = token in FUNCTIONS
            calls += wanted
            operands += not wanted
            if operands > MAX_OPERANDS:
                fail(place, f"a formula has at most {MAX_OPERANDS} numbers and names")
            if calls > MAX_CALLS:
                fail(place, f"a formula calls functions at most {MAX_CALLS} times")
            if new == "number":
                _check_number(source, place, token)
                numbers[place] = token
            elif token not in FUNCTIONS and token not in CONSTANTS and token not in names:
                fail(place, _about_name(token, names))
        elif token == "(":
            opened.append((place, previous in FUNCTIONS))
            levels.append(1)
        elif token in "+-" and wanted:
            levels[-1] += 1
        elif wanted:
            fail(place, "these parentheses are empty" if previous + token == "()" else
                 f"a value is missing before '{token}'")
        elif token == ")":
            if not opened:
                fail(place, "this parenthesis was never opened")
            opened.pop()
            levels.pop()
        else:
            if token == "//":
                fail(place, "'//' is not used here: a quotient is written a/b")
            if token == "," and not (opened and opened[-1][1]):
                fail(place, "a comma only separates the arguments of a function; "
                            "a decimal is written 1.5")
            levels[-1] = levels[-1] + 1 if token == "**" else bool(opened)
            wanted = True
        if sum(levels) > MAX_DEPTH:
            fail(place, f"parentheses, signs and powers are nested more than {MAX_DEPTH} deep")
        previous, kind, place = token, new, match.end()
    if previous in FUNCTIONS:
        fail(place, f"{previous} is a function: write {previous}(...)")
    if wanted:
        fail(place, "a value is missing at the end" if previous else "there is no formula here")
    if opened:
        fail(opened[-1][0], "this parenthesis is never closed")
    return numbers


def split_number(token: str) -> tuple[str, str, str]:
    """The digits before the point, those after it, and the exponent.

    >>> split_number("1.50e-3")
    ('1', '50', '-3')
    """
    match = _NUMBER.fullmatch(token)
    assert match is not None, token
    return match[1], match[2], match[3] or "0"


def check_name(name: object) -> str:
    """The name, if a formula can hold it beside functions and constants.

    Raises `ParseError` for words of Python too: the reader behind the grammar
    is Python's.
    """
    if not isinstance(name, str):
        raise ParseError(f"a name is text, not {type(name).__name__}")
    if not _NAME.fullmatch(name):
        raise ParseError(f"{shown(name)} is not a name: a name is made of the letters "
                         f"a-z and A-Z, digits and _, and does not start with a digit")
    if "__" in name:
        raise ParseError(f"{shown(name)} cannot be a name here: two underscores in a row "
                         f"are left to Python")
    for what, taken in (("a function", FUNCTIONS), ("a constant", CONSTANTS),
                        ("a word of Python", keyword.kwlist)):
        if name in taken:
            raise ParseError(f"{name!r} is {what} and cannot be declared: choose another "
                             f"name, such as {name}_")
    return name


def shown(text: str, limit: int = 40) -> str:
    """The text in quotes, as ASCII and not too long, for a message."""
    return ascii(text if len(text) <= limit else text[:limit - 3] + "...")


def _check_number(source: Source, place: int, token: str) -> None:
    whole, fraction, power = split_number(token)
    # Python itself refuses to read thousands of digits, so look at the length first.
    if len(power) > 8 or len(whole) + len(fraction) + abs(int(power)) > MAX_DIGITS:
        source.fail(place, f"a number stands for at most {MAX_DIGITS} digits")
    if token.isdigit() and len(token) > 1 and token[0] == "0":
        source.fail(place, f"a whole number does not start with 0: "
                           f"write {token.lstrip('0') or '0'}")


def _is_one_column(char: str) -> bool:
    return (char.isprintable() and not unicodedata.combining(char)
            and unicodedata.east_asian_width(char) not in "WF")


def _about_character(char: str) -> str:
    name = unicodedata.name(char, "a control character")
    hint = _LOOKALIKES.get(char)
    if hint is None and name.startswith("GREEK") and char.isalpha():
        hint = name.split()[-1].lower()
    visible = char if char.isprintable() and not unicodedata.combining(char) else ascii(char)[1:-1]
    return (f"'{visible}' (U+{ord(char):04X}, {name}) is not used here: "
            + (f"write {hint}" if hint else "formulas are plain ASCII letters, digits and signs"))


def _about_name(name: str, names: Collection[str]) -> str:
    if name in _OTHER_NAMES:
        return f"{shown(name)} is not declared: {_OTHER_NAMES[name]}"
    if name.lower() in FUNCTIONS:
        return f"{shown(name)} is not declared: the function is called {name.lower()}"
    some = sorted(names)[:20]
    known = ", ".join(some) + (", ..." if len(names) > len(some) else "") or "none"
    return f"{shown(name)} is not declared (declared names: {known}); {_ALLOWED}"


def _about_neighbours(previous: str, kind: str, token: str, new: str) -> str:
    if kind == "name" and token == "(":
        return f"{shown(previous)} is not a function; a product is written {previous[:40]}*(...)"
    if kind == "number" and new == "name":
        if token in "jJ":
            return f"there are no complex numbers here; a product is written {previous[:20]}*j"
        if token[0] == "_":
            return "digits are written without underscores"
        if previous == "0" and token[0] in "xXoObB":
            return "numbers are written in decimal"
    left, right = (shown(part, 20)[1:-1] for part in (previous, token))
    return f"an operator such as * is missing between '{left}' and '{right}'"
