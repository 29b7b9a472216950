"""World-made data in the official formats: read by the official readers, oracles on their closed forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lucida.bench import made
from lucida.bench.cache import Cache
from lucida.bench.made import MAKERS, make_dlc, make_gar, make_paradlc
from lucida.bench.prepare import Prepared
from lucida.bench.protocol import PROTOCOLS, load_protocol
from lucida.bench.protocols.gar import GARVQA
from lucida.bench.protocols.masks import MaskBench
from lucida.bench.protocols.typed import decide, recognised
from lucida.bench.records import Reply
from lucida.bench.runner import run
from lucida.media.errors import InputError
from lucida.media.image import Image
from lucida.media.region import Region


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("made")
    return {
        "paradlc": make_paradlc(base / "paradlc", pictures=7, size=(128, 128)),
        "dlc": make_dlc(base / "dlc", pictures=3, size=(128, 128)),
        "gar": make_gar(base / "gar", pictures=7, size=(128, 128)),
    }


@pytest.mark.parametrize("name", ["paradlc", "dlc"])
def test_mask_oracles(folders: dict[str, Path], name: str) -> None:
    bench = load_protocol(name, folders[name])
    assert isinstance(bench, MaskBench) and bench.problems == ()
    expected = {"oracle": (100, 100, 100), "oracle-class-name": (50, 100, 75), "empty": (0, 0, 0)}
    baselines = bench.baselines()
    assert set(baselines) == set(expected)
    for baseline, figures in expected.items():
        summary = bench.score(baselines[baseline]).summary
        assert (summary["positive"], summary["negative"], summary["mean"]) == pytest.approx(figures)
        assert summary["decided"] == 100
    nonsense = bench.score({item.key: Reply(id=item.key, raw="qwerty") for item in bench.items})
    assert nonsense.statuses["unparsed"] == len(bench.items) and nonsense.summary["mean"] == 0


def test_captions_of_the_wrong_region_lose_everything(folders: dict[str, Path]) -> None:
    """Handing each region the next one's caption: where nouns differ, positives are worth 0 and one negative is -1."""
    bench = load_protocol("paradlc", folders["paradlc"])
    assert isinstance(bench, MaskBench)
    texts = {}
    for item in bench.items:
        same = [other for other in bench.items if other.picture == item.picture]
        texts[item.key] = same[(same.index(item) + 1) % len(same)].truth
    score = bench.score({key: Reply(id=key, raw=text) for key, text in texts.items()})
    for item, row in zip(bench.items, score.rows, strict=True):
        if recognised(item.noun, texts[item.key]) is False:
            salient = sum(question.subtype == "salient negative" for question in item.questions)
            assert row.scores["positive"] == 0
            assert row.scores["salient_negative"] == pytest.approx(-1 / salient)
    assert score.summary["positive"] < 20 and score.summary["negative"] < 10


def test_missing_keys_and_compat(folders: dict[str, Path]) -> None:
    bench = load_protocol("paradlc", folders["paradlc"])
    full = bench.baselines()["oracle"]
    half = dict(list(full.items())[::2])
    mended, released = bench.score(half), bench.score(half, compat=True)
    assert mended.summary["mean"] == pytest.approx(100 * len(half) / len(full), abs=4)
    assert mended.summary["per_mask"] == pytest.approx(100 * len(half) / len(full))
    assert released.summary["mean"] == 100  # the released scorer leaves missing keys out
    assert bench.score({}).summary["mean"] == 0


def test_checks_decide_every_role() -> None:
    check = {"ask": "colour", "noun": "fox", "value": "red", "roles": ["wrong", "right", "absent", "unsaid"]}
    for text, role in (
        ("a blue fox", 0),
        ("a red fox", 1),
        ("a red umbrella", 2),
        ("a fox", 3),
        ("qwerty", None),
    ):
        assert decide(check, text) == role
    leak = {"ask": "colour", "noun": "fox", "leak": "blue", "roles": ["yes", "no", "absent"]}
    assert [decide(leak, text) for text in ("a blue fox", "a red fox", "a fox", "a blue umbrella")] == [
        0,
        1,
        1,
        2,
    ]
    thing = {"ask": "thing", "noun": "umbrella", "colour": "blue", "roles": ["yes", "no"]}
    assert [
        decide(thing, text) for text in ("a blue umbrella", "a red umbrella", "a red fox by a blue umbrella")
    ] == [0, 1, 1]
    relation = {
        "ask": "relation",
        "noun": "fox",
        "true": [["left of", "blue", "umbrella"]],
        "roles": ["right", "wrong", "unsaid"],
    }
    texts = (
        "a fox, left of a blue umbrella",
        "a fox, left of a umbrella",
        "a fox, above a blue umbrella",
        "a fox",
    )
    assert [decide(relation, text) for text in texts] == [0, 0, 1, 2]
    assert decide(None, "a fox") is None


def test_a_judge_is_asked_only_what_is_open(folders: dict[str, Path]) -> None:
    bench = load_protocol("dlc", folders["dlc"])
    asked: list[str] = []

    class Last:
        name = "last"

        def choose(self, question: object) -> str:
            asked.append(question.key)  # type: ignore[attr-defined]
            return question.options[-1]  # type: ignore[attr-defined]

    oracle = bench.baselines()["oracle"]
    score = bench.score(oracle, judge=Last())
    assert not asked and score.judged is not None and score.judged["mean"] == score.summary["mean"] == 100
    bench.score(oracle, judge=Last(), compat=True)  # as released, the judge decides alone
    assert len(asked) == sum(len(item.questions) + 1 for item in bench.items)  # type: ignore[attr-defined]


def test_gar_oracles(folders: dict[str, Path]) -> None:
    for name in ("gar-vqa", "gar-caption-simple", "gar-caption-detailed"):
        bench = load_protocol(name, folders["gar"])
        assert bench.problems == ()
        baselines = bench.baselines()
        assert bench.score(baselines["oracle"]).summary["accuracy"] == 100
        assert bench.score(baselines["empty"]).summary["accuracy"] == 0
    vqa = load_protocol("gar-vqa", folders["gar"])
    assert isinstance(vqa, GARVQA)
    always = [vqa.score(vqa.baselines()[f"always-{letter}"]).summary["accuracy"] for letter in "ABCD"]
    assert sum(always) == pytest.approx(100)
    assert {item.raw["type"] for item in vqa.items} == {"color", "ordering", "relation"}


def test_pictures_and_masks_belong_together(folders: dict[str, Path]) -> None:
    for name, folder in (("paradlc", "paradlc"), ("dlc", "dlc"), ("gar-vqa", "gar")):
        bench = load_protocol(name, folders[folder])
        for request in bench.requests()[:6]:
            size = Image.open(bench.data / request.media[0].path).size
            assert all(Region.from_rle(rle).size == size for rle in request.regions)


def test_regions_run_from_two_to_eight_and_everything_is_repeatable(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    rows = json.loads((folders["paradlc"] / "annotations.json").read_text())
    assert [len(row["annotations"]) for row in rows] == [2, 3, 4, 5, 6, 7, 8]
    again = make_paradlc(tmp_path / "again", pictures=7, size=(128, 128))
    for name in ("annotations.json", "qa.json", "class_names.json", "world.json"):
        assert (again / name).read_bytes() == (folders["paradlc"] / name).read_bytes()


def test_bad_requests_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="exists already"):
        make_dlc(tmp_path)
    with pytest.raises(InputError, match="pictures is 0"):
        make_gar(tmp_path / "x", pictures=0)
    with pytest.raises(InputError, match="regions is"):
        make_paradlc(tmp_path / "x", regions=[0])

    def full(*arguments: object, **options: object) -> None:
        raise InputError("no room")

    monkeypatch.setattr(made, "draw_scene", full)
    with pytest.raises(InputError, match="regions is 40; so many do not fit"):
        made.scene_with(40, 0, split="test", size=(32, 32))
    assert not list(tmp_path.iterdir())
    assert set(MAKERS) <= set(PROTOCOLS)


def test_a_run_from_requests_to_costs(folders: dict[str, Path], tmp_path: Path) -> None:
    """Through the engine: a scripted describer answers each picture's regions in one decode of four passes."""
    bench = load_protocol("paradlc", folders["paradlc"])
    truth = bench.baselines()["oracle"]

    class Scripted:
        name, identity, concurrency, shows, batches = "scripted", {}, 1, "nothing", True

        def generate(self, requests: Sequence[Prepared]) -> list[Reply]:
            cost = {"regions": float(len(requests)), "passes": 4.0}
            return [
                one.reply(truth[one.request.id].raw, model="scripted", seconds=0.5, tokens=8, cost=cost)
                for one in requests
            ]

    result = run(bench, Scripted(), tmp_path / "run", cache=Cache(tmp_path / "cache"))  # type: ignore[arg-type]
    summary = bench.score(result.replies).summary
    assert result.errors == 0 and summary["mean"] == 100
    assert summary["regions_per_decode"] == pytest.approx(35 / 7) and summary["passes"] == pytest.approx(28)
    assert summary["regions_per_pass"] == pytest.approx(35 / 28)
    assert summary["tokens_per_pass"] == pytest.approx(8 * 35 / 28) and summary["seconds"] == pytest.approx(
        17.5
    )
