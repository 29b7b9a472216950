"""Derivations: the steps from a scene to an answer, performed once to write them and again to check them.

A step's text is ``argument: result``. The operations and their arguments:

==========  =====================  ==================================================================
find        ``<n>``                the n-th cited object; ``the red fox`` the one object so called
all                                every object of the scene
relate      ``left of <n>``        the objects that stand in the relation to the n-th found one
filter      ``colour red``         those of the current objects with the attribute
read        ``colour``             an attribute of the one current object
compare     ``largest``            which of the found objects it is, as ``<n>``
holds       ``<1> left of <2>``    yes or no
same        ``colour``             whether the first two found objects agree
is          ``colour red``         whether the one current object has the attribute
count                              how many current objects there are
exists                             whether there is any
answer                             the last result
==========  =====================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence

from lucida.world.language_captions import short_label
from lucida.world.language_refer import refer
from lucida.world.records import Derivation, Scene

AREA_RATIO = 1.3  # the largest must show at least this many times the area of the next
GAP = 0.08  # of the picture: how much further left (right, up, down) the winner's centre must be


def yes(value: bool) -> str:
    """ "yes" or "no"."""
    return "yes" if value else "no"


def holders(scene: Scene, word: str, other: int) -> tuple[int, ...]:
    """Every object that is ``word`` ``other`` with margin, in paint order."""
    return tuple(sorted(r.subject for r in scene.relations if r.word == word and r.other == other))


def winner(scene: Scene, word: str, among: Sequence[int]) -> int | None:
    """The position in ``among`` of the largest, smallest, leftmost, rightmost, highest or lowest, with margin.

    Size needs :data:`AREA_RATIO` in visible area and no contradiction by the size words; place needs :data:`GAP`
    between the centres. ``None`` where nothing stands out.
    """
    things = [scene.objects[i] for i in among]
    if word in ("largest", "smallest"):
        ranks = {"small": 0, "medium": 1, "large": 2}
        sign = 1 if word == "largest" else -1
        order = sorted(range(len(things)), key=lambda k: -sign * things[k].area)
        first, second = things[order[0]].area, things[order[1]].area
        clear = max(first, second) >= AREA_RATIO * max(1, min(first, second))
        extreme = all(sign * (ranks[things[order[0]].size] - ranks[thing.size]) >= 0 for thing in things)
        return order[0] if clear and extreme else None
    axis, sign = {"leftmost": (0, 1), "rightmost": (0, -1), "highest": (1, 1), "lowest": (1, -1)}[word]
    order = sorted(range(len(things)), key=lambda k: sign * things[k].centre[axis])
    gap = sign * (things[order[1]].centre[axis] - things[order[0]].centre[axis])
    return order[0] if gap >= GAP else None


def _names(scene: Scene, objects: Sequence[int]) -> str:
    return ", ".join(short_label(scene.objects[i]) for i in objects) or "none"


class Trace:
    """Performs steps on a scene and records them. ``found`` are the objects of the find steps, in order."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.steps: list[Derivation] = []
        self.found: list[int] = []
        self.current: tuple[int, ...] = ()
        self.result = ""

    @classmethod
    def citing(cls, scene: Scene, cites: Sequence[int]) -> Trace:
        """A trace that begins by finding ``<1>``, ``<2>``, ... ."""
        trace = cls(scene)
        for n, i in enumerate(cites, start=1):
            trace.do("find", f"<{n}>", objects=(i,))
        return trace

    def do(self, op: str, argument: str = "", *, objects: tuple[int, ...] = ()) -> Trace:
        """Perform one step. ``objects`` is read by ``find`` only.

        Raises:
            ValueError: the step does not fit the scene or what was found before it.
        """
        perform = getattr(self, f"_{op}", None)
        if perform is None:
            raise ValueError(f"derivation.op: {op!r} is not an operation")
        if op == "find":
            self.current = objects
        perform(argument)
        text = ": ".join(part for part in (argument, self.result) if part)
        self.steps.append(Derivation(op=op, objects=self.current, text=text))
        return self

    def answer(self) -> tuple[str, tuple[Derivation, ...]]:
        """Close the trace: the answer and the steps."""
        self.do("answer")
        return self.result, tuple(self.steps)

    def _one(self) -> int:
        if len(self.current) != 1:
            raise ValueError(f"derivation.objects: {self.current} should be exactly one object")
        if not 0 <= self.current[0] < len(self.scene.objects):
            raise ValueError(f"derivation.objects: {self.current[0]} is not in the scene")
        return self.current[0]

    def _register(self, mark: str) -> int:
        number = int(mark.strip("<>"))
        if not 1 <= number <= len(self.found):
            raise ValueError(f"derivation.text: {mark} was not found before")
        return self.found[number - 1]

    def _find(self, argument: str) -> None:
        i = self._one()
        thing = self.scene.objects[i]
        if argument.startswith("<"):
            if argument != f"<{len(self.found) + 1}>":
                raise ValueError(f"derivation.text: find {argument} out of turn")
        elif refer(self.scene, i) != argument:
            raise ValueError(f"derivation.text: {argument!r} does not mean object {i}")
        self.found.append(i)
        self.result = f"{short_label(thing)}, {thing.place}"

    def _all(self, argument: str) -> None:
        self.current = tuple(range(len(self.scene.objects)))
        self.result = f"{len(self.current)} things"

    def _relate(self, argument: str) -> None:
        word, mark = argument.rsplit(" ", 1)
        self.current = holders(self.scene, word, self._register(mark))
        self.result = _names(self.scene, self.current)

    def _filter(self, argument: str) -> None:
        name, value = argument.split(" ", 1)
        self.current = tuple(i for i in self.current if getattr(self.scene.objects[i], name) == value)
        self.result = _names(self.scene, self.current)

    def _read(self, argument: str) -> None:
        thing = self.scene.objects[self._one()]
        value = short_label(thing) if argument == "name" else getattr(thing, argument)
        if value is None:
            raise ValueError(f"derivation: object {thing.index} has no {argument}")
        self.result = value

    def _compare(self, argument: str) -> None:
        at = winner(self.scene, argument, self.found)
        if at is None:
            raise ValueError(f"derivation: none of {self.found} is clearly the {argument}")
        self.current = (self.found[at],)
        self.result = f"<{at + 1}>"

    def _holds(self, argument: str) -> None:
        first, rest = argument.split(" ", 1)
        word, second = rest.rsplit(" ", 1)
        a, b = self._register(first), self._register(second)
        self.current = (a, b)
        self.result = yes(a in holders(self.scene, word, b))

    def _same(self, argument: str) -> None:
        a, b = (self.scene.objects[self._register(mark)] for mark in ("<1>", "<2>"))
        self.current = (a.index, b.index)
        self.result = yes(getattr(a, argument) == getattr(b, argument))

    def _is(self, argument: str) -> None:
        name, value = argument.split(" ", 1)
        self.result = yes(getattr(self.scene.objects[self._one()], name) == value)

    def _count(self, argument: str) -> None:
        self.result = str(len(self.current))

    def _exists(self, argument: str) -> None:
        self.result = yes(bool(self.current))

    def _answer(self, argument: str) -> None:
        pass


def replay(scene: Scene, derivation: Sequence[Derivation]) -> str:
    """Perform ``derivation`` anew on ``scene`` and return the answer it leads to.

    Raises:
        ValueError: a step gives other objects or another result than it states, or the last is not ``answer``.
    """
    trace = Trace(scene)
    for number, step in enumerate(derivation, start=1):
        plain = step.op in ("all", "count", "exists", "answer")
        argument = "" if plain else step.text.split(": ", 1)[0]
        trace.do(step.op, argument, objects=step.objects)
        if trace.steps[-1] != step:
            raise ValueError(
                f"derivation step {number}: states {step}, but the scene gives {trace.steps[-1]}"
            )
    if not derivation or derivation[-1].op != "answer":
        raise ValueError("derivation: does not end with an answer")
    return trace.result
