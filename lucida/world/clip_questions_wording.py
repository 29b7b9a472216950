"""The words of clip questions: per kind, wordings that training may show and one that is held out.

``{event}`` is an event's sentence ("the fox enters"), ``{base}`` the same after an auxiliary ("the fox
enter"), ``{verb}`` the bare predicate ("enter").
"""

from __future__ import annotations

from collections.abc import Sequence

from lucida.world.clip_records import ClipObject, Event

# kind: (training wordings, held-out wording)
WORDINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "when": (
        ("when does {base}{often}?", "at what time does {base}{often}?"),
        "find the moment at which {event}{often}",
    ),
    "after": (
        ("what happens after {event}?", "what is the next thing to happen after {event}?"),
        "once {event}, what comes next?",
    ),
    "just before": (
        ("what happens just before {event}?", "what is the last thing to happen before {event}?"),
        "{event}: what came right before that?",
    ),
    "how many": (
        ("how many things {verb}?", "how many different things {verb}?"),
        "count the things that {verb}",
    ),
    "how often": (
        ("how many times does {base}?", "how often does {base}?"),
        "count the times that {event}",
    ),
    "becomes": (
        ("what colour does the {thing} become?", "which colour does the {thing} turn?"),
        "name the colour that the {thing} changes to",
    ),
    "was": (
        (
            "what colour is the {thing} before it changes colour?",
            "which colour did the {thing} have before it changed?",
        ),
        "name the colour that the {thing} changes from",
    ),
    "where": (
        ("where is the {thing} when {event}?", "in which part of the picture is the {thing} when {event}?"),
        "{event}: where is the {thing} at that moment?",
    ),
    "which colour": (
        ("what colour is the {thing} when {event}?", "which colour does the {thing} have when {event}?"),
        "{event}: name the colour of the {thing} at that moment",
    ),
    "who": (("what {verbs}?", "which thing {verbs}?"), "name the thing that {verbs}"),
    "side": (
        ("{way} which side does {base}?", "{way} which edge of the picture does {base}?"),
        "name the side {way} which {event}",
    ),
    "before": (
        ("does {base} before {other}?", "is it before {other} that {event}?"),
        "is it true that {event} first and {other} later?",
    ),
    "present": (
        ("how many things are in the picture when {event}?", "how many things can be seen when {event}?"),
        "{event}: count the things in the picture at that moment",
    ),
    "tone": (
        ("what happens at the {n} tone?", "what happens when the {n} tone sounds?"),
        "name what goes with the {n} tone",
    ),
    "tones": (("how many tones are there?", "how many tones can be heard?"), "count the tones"),
}
WORDINGS["never"] = WORDINGS["when"]


def base_form(things: Sequence[ClipObject], event: Event) -> str:
    """An event's words after an auxiliary: "the fox approach the umbrella"."""
    subject = f"the {things[event.subject].phrase}"
    match event.kind:
        case "approach":
            assert event.other is not None
            return f"{subject} approach the {things[event.other].phrase}"
        case "change colour":
            return f"{subject} turn {event.detail}"
    return f"{subject} {event.kind}"


def third_person(verb: str) -> str:
    """ "enter" -> "enters", "approach the fox" -> "approaches the fox"."""
    first, _, rest = verb.partition(" ")
    first += "es" if first.endswith("ch") else "s"
    return f"{first} {rest}" if rest else first


def word_question(kind: str, choice: int, *, held_out: bool, **words: str) -> str:
    """A question of ``kind`` in words; ``choice`` (any number) picks among the training wordings."""
    training, other = WORDINGS[kind]
    pattern = other if held_out else training[choice % len(training)]
    if "verb" in words:
        words["verbs"] = third_person(words["verb"])
    return pattern.format(**words)
