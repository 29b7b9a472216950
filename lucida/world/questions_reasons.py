"""What an answer rests on, in a few words before it: "blue so no", "<1> left <2> middle so <1>".

A small network that has to say yes or no at once must compare inside itself what it could as well write down; written
down, each word is an attribute that it can read, and the answer follows from words beside it (a scratchpad, arXiv
2112.00114). Readers of the answer get its ground for free.
"""

from __future__ import annotations

from lucida.world.records import Question, Scene, SceneObject

SO = " so "
MOST = 3  # things that a reason lists
AXES = {"leftmost": 0, "rightmost": 0, "highest": 1, "lowest": 1}
THIRDS = (("left", "middle", "right"), ("top", "middle", "bottom"))


def reason(scene: Scene, question: Question) -> str:
    """The words an answer rests on, or "" where it says by itself all there is to say (or there is too much)."""
    cited = [scene.objects[i] for i in question.cites]
    step = question.derivation[-2]
    argument = step.text.partition(": ")[0]
    if question.kind == "attribute yes/no":
        return str(getattr(cited[0], argument.split(" ")[0]))
    if question.kind == "same":
        one, other = (str(getattr(o, argument)) for o in cited)
        return f"{one} and {other}"
    if question.kind == "compare":
        return " ".join(f"<{n}> {_standing(o, argument)}" for n, o in enumerate(cited, start=1))
    if question.kind == "relation yes/no":
        a, b = question.cites
        words = [r.word for r in scene.relations if (r.subject, r.other) == (a, b)]
        return words[0] if len(words) == 1 else ""
    if question.kind in ("count", "existence"):
        return _listed(scene, question)
    if question.kind == "composition":
        found = next(s for s in question.derivation if s.op == "relate")
        return found.text.partition(": ")[2]
    return ""


def reasoned(scene: Scene, question: Question) -> str:
    """The answer with its reason before it."""
    ground = reason(scene, question)
    return f"{ground}{SO}{question.answer}" if ground else question.answer


def split_reason(text: str) -> tuple[str, str]:
    """(reason, answer) of an answer as written; the reason may be empty."""
    ground, so, answer = text.rpartition(SO)
    return (ground, answer) if so else ("", text)


def _standing(o: SceneObject, word: str) -> str:
    if word not in AXES:
        return o.size
    axis = AXES[word]
    return THIRDS[axis][min(int(o.centre[axis] * 3), 2)]


def _listed(scene: Scene, question: Question) -> str:
    """What the first filter by a noun leaves, or else the last filter of all: nothing is "none"."""
    filters = [s for s in question.derivation if s.op == "filter"]
    nouns = [s for s in filters if s.text.startswith("noun ")]
    step = nouns[0] if question.kind == "existence" and nouns else filters[-1] if filters else None
    if step is None or len(step.objects) > MOST:
        return ""
    return step.text.partition(": ")[2]
