"""Finding a function by what a biologist types.

Each function is a small document: name, everyday words (synonyms), topic, summary and
library.  A query scores a function by how many of its words are found and where; words
are reduced to their stem, and the last word may be unfinished while it is typed.
"""

from __future__ import annotations

import difflib
import itertools
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
        *("are", "do", "each", "get", "how", "i", "make", "many", "per", "that", "there", "want"),
    )
)

_SAME = {
    "addition": "add",
    "bg": "background",
    "correction": "correct",
    "detect": "find",
    "detection": "find",
    "identification": "find",
    "identify": "find",
    "locate": "find",
    "measurement": "measure",
    "normalization": "normalize",
    "normalisation": "normalize",
    "segmentation": "segment",
    "subtraction": "subtract",
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
    "fiber": "fibre",
    "fibers": "fibre",
    "smoothing": "smooth",
    "watersheds": "watershed",
}
"""Spellings and words that mean the same."""

_RELATED = {
    "adaptive": ("local",),
    "background": ("illumination",),
    "blob": ("spot", "nuclei"),
    "brightness": ("intensity",),
    "cell": ("nuclei", "object", "label"),
    "circularity": ("shape", "measure"),
    "diameter": ("shape", "size", "measure"),
    "dot": ("spot", "peak"),
    "eccentricity": ("shape", "measure"),
    "elongation": ("shape", "measure"),
    "fibre": ("ridge", "neurites"),
    "filament": ("ridge", "neurites"),
    "find": ("seed", "segment"),
    "foci": ("spot", "peak", "seed"),
    "align": ("shift", "register", "stitch"),
    "confluence": ("mask", "measure", "threshold"),
    "contour": ("outline", "boundaries"),
    "covered": ("mask", "measure"),
    "droplet": ("spot", "peak", "seed"),
    "drift": ("shift", "register"),
    "gpu": ("torch",),
    "granularity": ("texture", "spot"),
    "granule": ("spot", "peak", "seed"),
    "intensity": ("measure",),
    "isolate": ("split", "segment"),
    "line": ("ridge",),
    "lysosome": ("spot", "peak"),
    "mitochondria": ("ridge", "texture", "spot"),
    "montage": ("stitch",),
    "mosaic": ("stitch",),
    "nucleoli": ("spot", "peak"),
    "registration": ("shift", "register", "stitch"),
    "merge": ("combine", "composite"),
    "nuclei": ("cell", "object", "label"),
    "object": ("cell", "nuclei", "label"),
    "particle": ("object", "spot"),
    "perimeter": ("shape", "measure"),
    "puncta": ("spot", "peak", "seed"),
    "quantify": ("measure",),
    "region": ("object", "mask"),
    "remove": ("subtract", "clear", "filter"),
    "roundness": ("shape", "measure"),
    "segment": ("threshold", "label", "split"),
    "separate": ("split",),
    "shading": ("illumination", "flat"),
    "shape": ("measure",),
    "spot": ("peak", "seed"),
    "tile": ("stitch",),
    "translocation": ("cytoplasm", "measure", "ratio"),
    "vesicle": ("spot", "peak", "seed"),
    "vessel": ("ridge",),
}
"""Words that come near: they count half."""


def _stem(word: str) -> str:
    word = _SAME.get(word, word)
    # British and American spelling are one.
    word = re.sub(r"is(e|ed|er|es|ing|ation)$", r"iz\1", word)
    word = re.sub(r"our(|s|ed|ing)$", r"or\1", word)
    for ending in ("ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 4 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def words(text: str) -> list[str]:
    """Return the stems of a text's words, without the small words of grammar."""
    joined = re.sub(r"\b(co|de|non|pre|re|un)-", r"\1", text.lower())
    found = re.findall(r"[a-z]+|\d+[a-z]*", joined)
    return [_stem(word) for word in found if word not in _IGNORED]


def _near(word: str) -> list[str]:
    """Return the stems of words that come near a stem."""
    return [
        _stem(other) for key, others in _RELATED.items() if _stem(key) == word for other in others
    ]


_PHRASE = 20.0
"""For a name or synonym that is the whole query."""


_USUAL = frozenset(("gaussian", "median", "otsu", "watershed"))
"""What most people mean who only say blur, denoise, threshold or split."""


def _liking(spec: FunctionSpec) -> float:
    """Return how much a function is preferred to others that match as well.

    Our own functions are made for plates; a GPU is not in every machine; rank filters
    repeat the names of common filters for special uses.
    """
    liking = 1.2 if spec.library == "native" else 1.0
    if _USUAL & set(spec.id.rpartition(".")[2].split("_")):
        liking *= 1.05
    if spec.memory_type_in != "numpy":
        liking *= 0.5
    return liking * (0.8 if ".rank." in spec.id else 1.0)


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
        self._liking: dict[str, float] = {}
        for spec in specs:
            self._add(spec)

    def _add(self, spec: FunctionSpec) -> None:
        name = spec.id.rpartition(".")[2]
        phrases = [words(name), *(words(synonym) for synonym in spec.synonyms)]
        self._phrases[spec.id] = tuple(tuple(sorted(set(phrase))) for phrase in phrases)
        weights: dict[str, float] = defaultdict(float)
        for text, weight in (
            (name, _NAME),
            *((synonym, _SYNONYM) for synonym in spec.synonyms),
            (spec.category, _CATEGORY),
            (spec.summary, _SUMMARY),
            (f"{spec.id} {spec.library} {spec.output_kind} {spec.memory_type_in}", _REST),
        ):
            found = words(text)
            for word in found:
                weights[word] = max(weights[word], weight)
            if weight >= _SYNONYM:
                # People write "tophat" and "top hat".
                for first, second in itertools.pairwise(found):
                    weights[first + second] = max(weights[first + second], weight)
        self._liking[spec.id] = _liking(spec)
        for word, weight in weights.items():
            self._weights[word][spec.id] = weight * self._liking[spec.id]
        # Among equals our own functions and the CPU come first, then shorter names.
        native = 0.0 if spec.library == "native" else 1.0
        cpu = 0.0 if spec.memory_type_in == "numpy" else 2.0
        self._tie[spec.id] = (native + cpu + len(name) / 1000, spec.id)

    def _matches(self, word: str, *, unfinished: bool) -> dict[str, float]:
        """Return function → weight for one word of the query."""
        found = dict(self._weights.get(word, {}))
        if unfinished and len(word) >= 2:
            self._add_matches(found, [k for k in self._weights if k.startswith(word)], 0.7)
        self._add_matches(found, _near(word), 0.5)
        if not found and len(word) >= 4:
            # Nothing is written so: most likely a slip of the keys.
            self._add_matches(found, difflib.get_close_matches(word, self._weights, 3, 0.8), 0.6)
        return found

    def _add_matches(self, found: dict[str, float], known: Iterable[str], factor: float) -> None:
        for word in known:
            for name, weight in self._weights.get(word, {}).items():
                found[name] = max(found.get(name, 0.0), factor * weight)

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
                # The name itself is worth more than a phrase, a phrase more than a single word.
                own = 1.5 if whole == self._phrases[name][0] else (1.0 if len(whole) > 1 else 0.3)
                scores[name] += _PHRASE * own * self._liking[name]
        dotted = text.strip().lower()
        last = "." + dotted.replace(" ", "_")
        for name in self._tie:
            known = name.lower()
            if known == dotted:
                scores[name] += 40.0
            elif len(dotted) > 2 and known.endswith(last):
                scores[name] += 20.0
            elif len(dotted) > 2 and dotted in known:
                scores[name] += 5.0
        return sorted(scores, key=lambda name: (-scores[name], self._tie[name]))
