"""Cut a script into words before Python's parser sees it, and refuse what no pipeline has.

Python's own parser takes time, memory and stack that a hostile text can drive up without
limit (brackets, signs or dots thousands deep).  A pipeline needs few kinds of words, so
everything else is refused here, in one pass over the text and without recursion; what gets
through is shallow and short, and safe to parse.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from napari_openhcs.errors import ScriptError

__all__ = ["MAX_SCRIPT_BYTES", "MAX_WORDS", "check_words", "refusal", "shortened"]

MAX_SCRIPT_BYTES = 1_000_000
"""A script longer than this is refused unread."""

MAX_WORDS = 50_000
"""Words a script may have; a pipeline of a hundred steps has about five thousand."""

MAX_NESTING = 30
"""How deep brackets may lie in each other."""

MAX_RUN = 20
"""Parts of a dotted name, or alternatives of a type annotation."""

_WORD = re.compile(
    r"""
      (?P<space>[ \t\f]++)
    | (?P<newline>(?:\r\n|\r|\n)++)
    | (?P<comment>\#[^\r\n]*+)
    | (?P<continued>\\(?:\r\n|\r|\n))
    | (?P<text>(?P<prefix>[A-Za-z]{0,2})
        (?: \"\"\"(?:[^"\\]|\\.|"(?!""))*+\"\"\"
          | '''(?:[^'\\]|\\.|'(?!''))*+'''
          | "(?!"")(?:[^"\\\r\n]|\\(?:\r\n|.))*+"
          | '(?!'')(?:[^'\\\r\n]|\\(?:\r\n|.))*+'
          | ""(?!") | ''(?!') ))
    | (?P<number>\.?[0-9](?:[eE][+-][0-9]|[0-9A-Za-z_.])*+)
    | (?P<name>[^\W\d]\w*+)
    | (?P<mark>\.\.\.|\*\*=?|//=?|<<=?|>>=?|[-+*/%@&|^<>!=:]=|->|[-+*/%@&|^<>~=:;.,()\[\]{}])
    | (?P<quote>["'])
    """,
    re.VERBOSE | re.DOTALL,
)

_MARKS = frozenset((*"()[]{},:=.+-;|", "==", "..."))
_KEYWORDS = frozenset(["from", "import", "as", "if", "raise", "None", "True", "False"])
_OPENING = {"(": ")", "[": "]", "{": "}"}
_PREFIXES = frozenset(("", "r", "u"))

_TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that show a line in another order than it is read."""

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
"""The declaration of an encoding, as Python defines it."""


def shortened(text: str, length: int = 60) -> str:
    """Return a piece of a foreign text fit for a message: printable and not long."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: length + 1])
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def refusal(name: str, line: int, column: int, found: str, expected: str) -> ScriptError:
    """Return the error that says where, what was found and what was expected."""
    return ScriptError(
        f"{name}, line {line}, column {column}: found {found}; expected {expected}.", line, column
    )


@dataclass
class _State:
    """What the words so far add up to."""

    brackets: list[tuple[str, int, int]]
    value: bool = False
    """Whether the last word ends a value, so that an operator or call would follow it."""
    last: str = ""
    dots: int = 0
    bars: int = 0


class _Scan:
    """One pass over a text."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._line = 1
        self._start = 0
        self._at = 0
        self._state = _State([])

    def _refuse(self, found: str, expected: str) -> NoReturn:
        column = self._at - self._start + 1
        raise refusal(self._name, self._line, column, found, expected)

    def run(self) -> None:
        """Go through the text; see :func:`check_words`."""
        text, count = self._text, 0
        while self._at < len(text):
            match = _WORD.match(text, self._at)
            if match is None:
                self._unknown()
            kind, word = match.lastgroup or "", match.group()
            if kind != "space":
                count += 1
                if count > MAX_WORDS:
                    self._refuse(
                        f"more than {MAX_WORDS:,} words", "a pipeline, which is much shorter"
                    )
            self._take(kind, word, match.group("prefix") or "")
            self._advance(match.end())
        if self._state.brackets:
            bracket, self._line, column = self._state.brackets[-1]
            self._at, self._start = column - 1, 0
            self._refuse(f"a '{bracket}' that is never closed", f"a '{_OPENING[bracket]}' after it")

    def _advance(self, end: int) -> None:
        passed = self._text[self._at : end]
        if "\n" in passed or "\r" in passed:
            for match in re.finditer(r"\r\n|\r|\n", passed):
                self._line += 1
                self._start = self._at + match.end()
        self._at = end

    def _unknown(self) -> NoReturn:
        character = self._text[self._at]
        if character == "\\":
            self._refuse("a backslash inside a line", "one at its end, which continues the line")
        described = f" ({character})" if character.isprintable() else ""
        self._refuse(
            f"the character U+{ord(character):04X}{described}",
            "names, numbers, texts in quotes, brackets and commas",
        )

    def _take(self, kind: str, word: str, prefix: str) -> None:
        if kind in ("comment", "text", "newline"):
            self._check_characters(word)
        if kind == "quote":
            self._refuse("a text that is never closed", f"a second {word} on its line")
        if kind == "newline" and not self._state.brackets:
            self._state.value, self._state.bars, self._state.last = False, 0, ""
        elif kind == "text":
            if prefix.lower() not in _PREFIXES:
                self._refuse(f"a text with the prefix '{prefix}'", "a plain text in quotes")
            self._state.value, self._state.last = True, "text"
        elif kind == "number":
            self._number(word)
        elif kind == "name":
            self._word(word)
        elif kind == "mark":
            self._mark(word)

    def _check_characters(self, word: str) -> None:
        if word.isascii() and "\0" not in word:
            return
        for offset, character in enumerate(word):
            if character in _TURNS_TEXT or character == "\0" or "\ud800" <= character <= "\udfff":
                self._advance(self._at + offset)
                self._refuse(
                    f"the character U+{ord(character):04X}",
                    "characters that can be seen (write others with a backslash, such as \\u200f)",
                )

    def _number(self, word: str) -> None:
        if self._state.last == "number" or word[-1] in "jJ":
            self._refuse(f"the number {shortened(word)}", "a whole or decimal number")
        self._state.value, self._state.last = True, "number"

    def _word(self, word: str) -> None:
        if unicodedata.normalize("NFKC", word) != word:
            plain = unicodedata.normalize("NFKC", word)
            self._refuse(
                f"'{shortened(word)}', which Python reads as '{shortened(plain)}'",
                "the name in the letters it is read as",
            )
        if keyword.iskeyword(word) and word not in _KEYWORDS:
            self._refuse(
                f"'{word}'", "imports, constants, steps, one Pipeline and the call of main"
            )
        is_value = word not in _KEYWORDS or word in ("None", "True", "False")
        if self._state.last != ".":
            self._state.dots = 0
        self._state.value, self._state.last = is_value, "name"

    def _mark(self, word: str) -> None:
        state = self._state
        if word not in _MARKS:
            self._refuse(f"'{word}'", "a literal, a registered function or a FunctionStep")
        if word in "+-" and (state.value or state.last in ("+", "-")):
            self._refuse(f"'{word}' in a calculation", "a number as it is, such as 1.5 or -2")
        after = state.last in (")", "]", "}", "text", "number")
        if state.value and after and word in ("(", "[", "{", "."):
            self._refuse(f"'{word}' after a value", "a comma, a line break or the end of the value")
        if word in _OPENING:
            if len(state.brackets) >= MAX_NESTING:
                self._refuse(f"brackets nested {MAX_NESTING + 1} deep", f"at most {MAX_NESTING}")
            state.brackets.append((word, self._line, self._at - self._start + 1))
        elif word in _OPENING.values():
            self._close(word)
        state.dots += word.count(".")
        state.bars = state.bars + 1 if word == "|" else 0 if word in "=,;" else state.bars
        if state.dots > MAX_RUN or state.bars > MAX_RUN:
            self._refuse(f"more than {MAX_RUN} '{word}' in a row", "a name of a few parts")
        state.value, state.last = word in (")", "]", "}"), word

    def _close(self, word: str) -> None:
        if not self._state.brackets:
            self._refuse(f"'{word}' without a bracket before it", "an opening bracket first")
        opening, line, _ = self._state.brackets.pop()
        if _OPENING[opening] != word:
            self._refuse(f"'{word}'", f"'{_OPENING[opening]}' for the '{opening}' in line {line}")


def check_words(text: str, name: str = "the script") -> None:
    """Refuse a text that holds anything a pipeline cannot have, before it is parsed.

    Takes time in proportion to the text, and no recursion.

    Parameters
    ----------
    text : str
    name : str
        What the message calls it.

    Raises
    ------
    ScriptError
        With line and column of the first such word.
    """
    if len(text) > MAX_SCRIPT_BYTES:
        raise refusal(
            name, 1, 1, f"more than {MAX_SCRIPT_BYTES:,} characters", "a pipeline, which is shorter"
        )
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text, maxsplit=2)[:2], start=1):
        cookie = _COOKIE.match(line)
        if cookie and cookie.group(1).lower().replace("_", "-") not in ("utf-8", "utf8"):
            found = f"the encoding '{shortened(cookie.group(1))}'"
            raise refusal(name, number, cookie.start(1) + 1, found, "UTF-8")
    _Scan(text, name).run()
