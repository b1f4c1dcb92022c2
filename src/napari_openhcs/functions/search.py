"""Finding a function by what a biologist types.

Each function is a small document: name, everyday words (synonyms), topic, summary and
library.  A query scores a function by how many of its words are found and where; words
are reduced to their stem, and the last word may be unfinished while it is typed.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from napari_openhcs.functions.spec import FunctionSpec

__all__ = ["SearchIndex", "words"]

_SYNONYM, _NAME, _CATEGORY, _SUMMARY, _REST = 3.0, 4.0, 1.5, 1.0, 0.5

_IGNORED = frozenset(
    (
        *("a", "an", "and", "are", "as", "by", "for", "from", "in", "into", "is", "it", "its"),
        *("my", "of", "on", "or", "the", "to", "with"),
    )
)

_SAME = {
    "bg": "background",
    "grey": "gray",
    "colour": "color",
    "normalise": "normalize",
    "equalise": "equalize",
    "binarise": "threshold",
    "binarize": "threshold",
    "centre": "center",
    "nucleus": "nuclei",
    "denoise": "noise",
    "smoothen": "smooth",
    "smoothing": "smooth",
    "watersheds": "watershed",
}
"""Spellings and words that mean the same."""


def _stem(word: str) -> str:
    word = _SAME.get(word, word)
    for ending in ("ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 4 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def words(text: str) -> list[str]:
    """Return the stems of a text's words, without the small words of grammar."""
    found = re.findall(r"[a-z]+|\d+[a-z]*", text.lower())
    return [_stem(word) for word in found if word not in _IGNORED]


class SearchIndex:
    """An index over the functions of the registry.

    Parameters
    ----------
    specs : iterable of FunctionSpec
    """

    def __init__(self, specs: Iterable[FunctionSpec]) -> None:
        self._weights: dict[str, dict[str, float]] = defaultdict(dict)
        self._phrases: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._tie: dict[str, tuple[float, str]] = {}
        for spec in specs:
            self._add(spec)

    def _add(self, spec: FunctionSpec) -> None:
        name = spec.id.rpartition(".")[2]
        phrases = [words(name), *(words(synonym) for synonym in spec.synonyms)]
        self._phrases[spec.id] = tuple(tuple(sorted(set(phrase))) for phrase in phrases)
        weights: dict[str, float] = defaultdict(float)
        for text, weight in (
            (name, _NAME),
            (" ".join(spec.synonyms), _SYNONYM),
            (spec.category, _CATEGORY),
            (spec.summary, _SUMMARY),
            (f"{spec.id} {spec.library} {spec.output_kind} {spec.memory_type_in}", _REST),
        ):
            for word in set(words(text)):
                weights[word] = max(weights[word], weight)
        for word, weight in weights.items():
            self._weights[word][spec.id] = weight
        # Among equals our own functions and the CPU come first, then shorter names.
        native = 0.0 if spec.library == "native" else 1.0
        cpu = 0.0 if spec.memory_type_in == "numpy" else 2.0
        self._tie[spec.id] = (native + cpu + len(name) / 1000, spec.id)

    def _matches(self, word: str, unfinished: bool) -> dict[str, float]:
        """Return function → weight for one word of the query."""
        found = dict(self._weights.get(word, {}))
        if unfinished and len(word) >= 2:
            for known, weights in self._weights.items():
                if known != word and known.startswith(word):
                    for name, weight in weights.items():
                        found[name] = max(found.get(name, 0.0), 0.7 * weight)
        return found

    def search(self, text: str) -> list[str]:
        """Return the ids of matching functions, best first; all by id for an empty text."""
        query = words(text)
        if not query:
            return sorted(self._tie)
        whole = tuple(sorted(set(query)))
        scores: dict[str, float] = defaultdict(float)
        hits: Counter[str] = Counter()
        for position, word in enumerate(query):
            found = self._matches(word, unfinished=position == len(query) - 1)
            rarity = math.log(1 + len(self._tie) / (1 + len(found)))
            for name, weight in found.items():
                scores[name] += weight * rarity
                hits[name] += 1
        for name in scores:
            scores[name] *= (hits[name] / len(query)) ** 2
            if whole in self._phrases[name]:
                scores[name] += 50.0
        dotted = text.strip().lower()
        for name in self._tie:
            if dotted in name.lower() and len(dotted) > 2:
                scores[name] += 20.0 if name.lower().endswith(f".{dotted}") else 5.0
        return sorted(scores, key=lambda name: (-scores[name], self._tie[name]))
