"""A small English: words by class, most frequent first, and which class follows which.

Only material for `_language`; it means nothing.
"""

from typing import Final

__all__ = ["FOLLOWS", "WORDS"]

DETERMINERS: Final = "the a this your each that an their our any some its every no another both these most"
PRONOUNS: Final = "you it we they I this that there he she one everyone nobody someone"
PREPOSITIONS: Final = (
    "of in to for with on by from at into over after before between through without under during against within"
    " across around behind near past beyond toward along until despite"
)
CONJUNCTIONS: Final = "and but because when if so while that which where although unless since or as whereas once"
AUXILIARIES: Final = "is can will should may are was has must would have could does might were cannot does"
ADVERBS: Final = (
    "also then only often now still usually already never always quite first again instead soon later together"
)

NOUNS: Final = (
    "order account time user system request model answer data team day question result change payment product price"
    " case problem email report plan page value service file code customer number test error update example step"
    " version message process list part information address option note point form group way reason period market"
    " table query server policy office school city project delivery invoice contract budget table meeting list road"
    " music window garden river market kitchen doctor patient student teacher lesson book story chapter author reader"
    " engine battery screen keyboard camera signal network cable router packet memory disk thread lock queue cache"
    " index column row field record schema key token cluster node worker broker topic partition offset batch window"
    " bread butter sugar flour oven recipe salt pepper onion garlic carrot tomato cheese lemon basil"
    " flight hotel ticket passport luggage station platform bridge harbour island coast valley mountain desert forest"
    " bank loan interest share bond fund tax income salary pension insurance claim premium risk return portfolio"
    " muscle bone heart lung blood cell protein vitamin sleep exercise injury symptom treatment dose therapy"
    " law court judge lawyer witness clause statute appeal verdict permit licence patent treaty border vote election"
    " paper pencil ink brush canvas colour shape line curve circle square triangle angle surface volume weight length"
    " wind rain snow storm cloud temperature season summer winter harvest seed root leaf branch flower insect bird"
    " horse sheep goat whale shark tiger rabbit spider turtle eagle"
    " theory proof method sample measure average variance slope limit bound matrix vector graph edge path tree"
    " warehouse shelf pallet truck driver route fuel tyre brake mirror helmet bicycle pedal"
    " song melody rhythm drum violin piano concert stage actor script film scene audience critic award"
)
VERBS: Final = (
    "check need work help use start show add find keep open send return follow happen contain include explain allow"
    " confirm create look matter remain require depend consider avoid reduce improve compare measure choose accept"
    " reject cancel replace restore protect prevent support suggest expect believe notice remember forget learn teach"
    " build repair clean paint cook bake boil mix pour serve taste order deliver collect gather plant water harvest"
    " drive travel walk climb reach enter leave cross visit explore discover invent design test verify inspect approve"
    " sign publish print edit review translate record listen answer ask call mention argue claim deny admit promise"
    " warn threaten attack defend escape hide reveal point mark label sort group filter merge split join store load"
    " fetch push pull commit deploy scale monitor trace debug patch upgrade migrate rotate expire refresh encrypt"
    " invest borrow lend spend save earn charge refund transfer settle owe insure"
    " treat heal rest stretch breathe recover diagnose prescribe inject"
    " sing dance perform rehearse record direct act"
)
ADJECTIVES: Final = (
    "new other good different small same large important free long full main current next local possible available"
    " clear short high simple common recent early late open public private direct single double common easy hard safe"
    " strong weak fast slow quick quiet loud bright dark warm cold dry wet deep shallow wide narrow thick thin heavy"
    " light rich poor cheap expensive fair equal exact rough smooth sharp soft solid liquid empty busy lazy careful"
    " honest polite rude brave calm nervous proud shy stubborn clever foolish famous rare ordinary strange typical"
    " annual monthly weekly daily final initial partial total internal external optional regular temporary permanent"
    " digital manual automatic legal medical technical financial natural chemical electric global rural urban coastal"
    " ancient modern classic northern southern eastern western central vertical horizontal parallel circular linear"
    " stable robust fragile flexible rigid dense sparse random certain likely rapid gradual sudden steady"
)


SYLLABLES: Final = "ma ri ko ven tal bro sel din or ka lu pe nor wy hal zan mi dor fe gra"
PREFIXES: Final = ("re", "over")


def _names() -> list[str]:
    parts = SYLLABLES.split()
    return [(first + second + last).capitalize() for first in parts for second in parts for last in ("", "son", "ley")]


def _unique(text: str) -> list[str]:
    return list(dict.fromkeys(text.split()))


def _forms() -> dict[str, list[str]]:
    nouns, verbs, adjectives = _unique(NOUNS), _unique(VERBS), _unique(ADJECTIVES)
    verbs += [prefix + verb for prefix in PREFIXES for verb in verbs]
    return {
        "det": _unique(DETERMINERS),
        "pron": _unique(PRONOUNS),
        "prep": _unique(PREPOSITIONS),
        "conj": _unique(CONJUNCTIONS),
        "aux": _unique(AUXILIARIES),
        "adv": [*_unique(ADVERBS), *(adjective + "ly" for adjective in adjectives if adjective[-1] not in "ylc")],
        "noun": nouns,
        "plural": [_s(noun) for noun in nouns],
        "verb": verbs,
        "third": [_s(verb) for verb in verbs],
        "past": [_stem(verb) + "ed" for verb in verbs],
        "ing": [_stem(verb) + "ing" for verb in verbs],
        "adj": adjectives,
        "num": [str(number * number // 3 + number + 2) for number in range(400)],
        "name": _names(),
    }


def _s(word: str) -> str:
    if word.endswith(("s", "sh", "ch", "x")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def _stem(verb: str) -> str:
    return verb.removesuffix("e")


WORDS: Final = _forms()

FOLLOWS: Final[dict[str, dict[str, int]]] = {
    "start": {"det": 4, "pron": 4, "adv": 1, "plural": 2, "prep": 1, "conj": 1},
    "det": {"noun": 6, "adj": 4, "plural": 1},
    "adj": {"noun": 5, "plural": 3, "adj": 1},
    "noun": {"prep": 4, "aux": 2, "third": 3, "conj": 2, "comma": 1, "end": 3, "noun": 1},
    "plural": {"prep": 4, "verb": 3, "conj": 2, "comma": 1, "end": 3, "past": 1},
    "pron": {"aux": 4, "verb": 5, "past": 3, "adv": 1},
    "aux": {"verb": 5, "adv": 2, "det": 2, "past": 2, "adj": 1},
    "verb": {"det": 6, "plural": 2, "prep": 2, "adv": 1, "pron": 1, "num": 1},
    "third": {"det": 6, "plural": 2, "prep": 2, "adv": 1},
    "past": {"det": 4, "prep": 4, "adv": 1, "end": 1},
    "ing": {"det": 5, "plural": 2, "prep": 1},
    "prep": {"det": 7, "plural": 2, "ing": 2, "adj": 1, "num": 1, "pron": 1, "name": 2},
    "conj": {"pron": 4, "det": 5, "plural": 2, "adv": 1, "name": 1},
    "adv": {"verb": 3, "past": 2, "adj": 2, "det": 2, "comma": 1, "end": 1},
    "name": {"aux": 2, "third": 4, "prep": 2, "conj": 2, "past": 4, "end": 2, "comma": 1},
    "num": {"plural": 6, "end": 1, "prep": 1},
    "comma": {"conj": 4, "pron": 2, "det": 2, "ing": 2},
    "end": {},
}
"""Weights of the class after a class; `start` is what a sentence begins with."""
