"""``lucida bench``: evidence or it did not happen. Run a benchmark, score saved replies, report, compare."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from lucida.cli.bench_check import check
from lucida.cli.bench_lend import lend
from lucida.cli.bench_list import list_protocols
from lucida.cli.bench_make import make
from lucida.cli.bench_run import Progress, default_out, lines_of, options_of, scored, shard_of
from lucida.media.errors import InputError

app = App(name="bench", help="Run benchmarks; score, report and compare replies.", help_format="plaintext")
app.command(list_protocols, name="list")
app.command(make)
app.command(lend)
app.command(check)
app.help_epilogue = """\
Models:
    openai:http://host:port/v1#name   an OpenAI-compatible endpoint
    hf:NAME                           a transformers image-text model
    file:PATH                         saved predictions
    oracle, oracle:NAME               the scripted truth; another oracle or baseline
    skill:NAME                        a scripted way of watching (videozero, videozero-joint)
    class:package.module:Class        your own class
    NAME                              one of Lucida's systems

Examples:
    lucida bench list
    lucida bench list videozero
    lucida bench make videozero made
    lucida bench run gar-vqa --data gar --model openai:http://localhost:8000/v1#name
    lucida bench score gar-vqa --data gar --predictions replies.jsonl
    lucida bench score segment my-masks ADEChallengeData2016/annotations/validation --layout ade20k
    lucida bench report runs/bench/gar-vqa/* --html report.html"""

Pairs = Annotated[list[str] | None, Parameter(consume_multiple=True)]


@app.command
def run(
    protocol: str,
    *,
    data: Path,
    model: str,
    out: Path | None = None,
    option: Pairs = None,
    judge: str | None = None,
    limit: int | None = None,
    concurrency: int = 8,
    rate: float | None = None,
    retries: int = 5,
    timeout: float = 600.0,
    temperature: float = 0.0,
    seed: int = 0,
    cache: Path | None = None,
    fresh: bool = False,
    json: bool = False,
) -> int:
    """Ask a model everything a protocol asks, and score it. The same command again carries on where it stopped.

    Args:
        protocol: its name (see: lucida bench list).
        data: the folder with the official files.
        model: what to test (see: lucida bench --help).
        out: the run folder; default: runs/bench/PROTOCOL/MODEL.
        option: settings of the protocol, as name=value.
        judge: openai:http://host:port/v1#name, sentence, or recorded:FILE; results stand with and without it.
        limit: ask and score only the first so many items; the score says so.
        concurrency: requests under way at once.
        rate: most requests a minute.
        retries: attempts after the first, with growing pauses.
        timeout: seconds of one attempt.
        temperature: 0 is greedy.
        seed: of sampling.
        cache: the folder of frames, replies and verdicts; default: Lucida's cache.
        fresh: do not take replies from the cache.
        json: print the score document instead of lines.

    Examples:
        lucida bench run videozero --data vzb --model openai:http://localhost:8000/v1#name --concurrency 16
        accelerate launch --multi_gpu --num_processes 2 -m lucida bench run dlc --data dlc --model describe --out a
    """
    from lucida.bench.cache import Cache
    from lucida.bench.judges import load_judge
    from lucida.bench.models import ModelOptions, load_model
    from lucida.bench.protocol import load_protocol
    from lucida.bench.runner import RunOptions
    from lucida.bench.runner import run as run_bench
    from lucida.bench.scoring import write_scores

    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: want at least 1")
    options = options_of(option)
    settings = ModelOptions(
        concurrency=concurrency, rate=rate, retries=retries, timeout=timeout, temperature=temperature, seed=seed
    )
    loaded = load_protocol(protocol, data, **options)
    if limit is not None:
        loaded.first(limit)
    folder, store, shard = out or default_out(protocol, model), Cache(cache, replies=not fresh), shard_of()
    verdicts = load_judge(
        judge, store, ModelOptions(concurrency=concurrency, rate=rate, retries=retries), protocol=loaded
    )
    tested = load_model(model, loaded, settings)
    place = folder / f"shard-{shard[0]}" if shard else folder
    _complain(loaded.problems)
    result = run_bench(
        loaded, tested, place, cache=store, config={"options": options, "spec": model, "limit": limit},
        options=RunOptions(shard=shard), say=Progress(),
    )  # fmt: skip
    sys.stderr.write(
        f"{result.asked} asked, {result.replayed} replayed, {result.cached} from the cache, {result.errors} errors, "
        f"{result.decodes} videos decoded, {result.seconds:.1f} s: {place}\n"
    )
    if shard:
        sys.stderr.write(f"one share of {shard[1]}; score them together with --predictions {folder}\n")
        return 0
    documents = scored(loaded, result.replies, result.problems, judge=verdicts, model=tested.name)
    write_scores(folder, documents)
    _print(documents, json=json, compat=False)
    if result.errors and result.errors == len(result.replies):
        why = next(reply.error for reply in result.replies.values())
        sys.stderr.write(f"lucida: error: all {result.errors} requests failed, the first: {why}\n")
        return 1
    return 0


@app.command
def score(
    protocol: str,
    *folders: Path,
    data: Path | None = None,
    predictions: Path | None = None,
    layout: str | None = None,
    ids: Literal["train", "label"] = "train",
    classes: int | None = None,
    only: Path | None = None,
    compat: bool = False,
    option: Pairs = None,
    limit: int | None = None,
    judge: str | None = None,
    out: Path | None = None,
    cache: Path | None = None,
    json: bool = False,
) -> None:
    """Score saved replies, or saved class maps (segment), without any model.

    Args:
        protocol: its name; segment compares two folders of class maps (PNG or npy).
        folders: for segment: PRED GT.
        data: the folder with the official files.
        predictions: a run folder, or a .jsonl or .json file.
        layout: for segment: ade20k, cityscapes, cocostuff, voc, coco (panoptic), plain (with --classes).
        ids: for segment: what PRED holds: train (0 to C-1; 255 none) or label, the data set's own.
        classes: for segment: how many, of --layout plain.
        only: for segment: a file with one picture name per line, such as VOC's val.txt.
        compat: print the score as the released scorer gives it, quirks and all.
        option: settings of the protocol, as name=value.
        limit: score only the first so many items, as in: bench run --limit.
        judge: openai:http://host:port/v1#name, sentence, or recorded:FILE (a released evaluation file).
        out: write the score documents here, for report and compare; a run folder gets them anyway.
        cache: the folder of verdicts; default: Lucida's cache.
        json: print the score document instead of lines.

    Examples:
        lucida bench score gar-vqa --data gar --predictions model_outputs/GAR_8B.json
        lucida bench score segment my-masks gtFine/val --layout cityscapes
    """
    if protocol == "segment":
        from lucida.cli.bench_segment import score_segment

        unfit = {"--data": data, "--predictions": predictions, "--judge": judge, "--option": option}
        score_segment(folders, layout, ids=ids, classes=classes, only=only, out=out, json=json, unfit=unfit)
        return
    if folders or layout or classes is not None or only is not None or data is None or predictions is None:
        raise InputError(f"score {protocol}: want --data and --predictions (PRED GT --layout is of: score segment)")
    from lucida.bench.cache import Cache
    from lucida.bench.judges import load_judge
    from lucida.bench.protocol import load_protocol
    from lucida.bench.scoring import write_scores

    loaded = load_protocol(protocol, data, **options_of(option))
    if limit is not None:
        loaded.first(limit)
    replies, problems = loaded.read_predictions(predictions)
    verdicts = load_judge(judge, Cache(cache), protocol=loaded)
    documents = scored(loaded, replies, problems, judge=verdicts)
    for document in documents.values():
        document["model"] = document["model"] or predictions.stem
        document["predictions"] = str(predictions.absolute())
    if out is not None or predictions.is_dir():
        write_scores(out or predictions, documents)
    _print(documents, json=json, compat=compat)


@app.command
def report(*runs: Path, html: Path, examples: int = 8) -> None:
    """Write one self-contained page about scored runs.

    Args:
        runs: run folders (or score files).
        html: the page to write.
        examples: items shown per run.

    Examples:
        lucida bench report runs/bench/videozero/a runs/bench/videozero/b --html report.html
    """
    from lucida.bench.report import read_scored
    from lucida.bench.report import report as make
    from lucida.media.files import atomic_write

    if not runs:
        raise InputError("report: want at least one run folder")
    atomic_write(html, make([read_scored(folder) for folder in runs], examples=examples).encode("utf-8", "replace"))
    print(html)


@app.command
def compare(a: Path, b: Path, *, score: str | None = None, json: bool = False) -> None:
    """Compare two scored runs item by item: A minus B with a paired cluster bootstrap.

    Args:
        a: a run folder or score file.
        b: another of the same protocol.
        score: only this row score.
        json: print one JSON document instead of lines.

    Examples:
        lucida bench compare runs/bench/gar-vqa/a runs/bench/gar-vqa/b
    """
    from dataclasses import asdict

    from lucida.bench.compare import compare as compare_scores
    from lucida.bench.scoring import read_score

    found = compare_scores(read_score(a), read_score(b), score=score)
    if json:
        print(json_module.dumps({"schema": "lucida/1", "comparisons": [asdict(one) for one in found]}, indent=2))
        return
    for line in found[0].warnings if found else ():
        sys.stderr.write(f"lucida: warning: {line}\n")
    for one in found:
        d = one.difference
        print(f"{one.score}: A {100 * one.mean_a:.2f}, B {100 * one.mean_b:.2f}, A minus B {100 * d.mean:+.2f} "
              f"(95 %: {100 * d.low:+.2f} to {100 * d.high:+.2f})")  # fmt: skip
        counts = f"{one.wins} won, {one.losses} lost, {one.ties} tied; " if one.wins + one.losses + one.ties else ""
        print(f"  {counts}{d.items} shared rows in {d.clusters} clusters; "
              f"detectable with 80 % power: {100 * one.detectable:.2f} points")  # fmt: skip
    if found and (found[0].only_a or found[0].only_b):
        print(f"  left out: {found[0].only_a} rows only in A, {found[0].only_b} only in B")


@app.command
def power(
    *,
    n: int,
    rate: float = 0.5,
    disagreement: float | None = None,
    effect: float = 1.0,
    difference: float | None = None,
    json: bool = False,
) -> None:
    """Say how large a difference between two models a benchmark of this size can show (80 % power, 5 % level).

    Args:
        n: items.
        rate: accuracy around which the models lie, 0 to 1.
        disagreement: share of items that exactly one of the two gets right; default: as if independent.
        effect: design effect, above 1 where items share videos.
        difference: also say how many items would show this difference (0 to 1).
        json: print one JSON document instead of lines.

    Examples:
        lucida bench power --n 500 --rate 0.17
        lucida bench power --n 500 --rate 0.01 --difference 0.004
    """
    from lucida.bench.power import items_needed, two_proportions

    least = two_proportions(n, rate, disagreement=disagreement, clusters=effect)
    document: dict[str, Any] = {"n": n, "rate": rate, "detectable": least}
    if difference is not None:
        document["needed"] = items_needed(difference, rate, disagreement=disagreement, clusters=effect)
    if json:
        print(json_module.dumps({"schema": "lucida/1", **document}))
        return
    print(f"{n} items around {100 * rate:g} %: differences of {100 * least:.2f} points or more can be detected")
    if difference is not None:
        print(f"to see {100 * difference:g} points: {document['needed']:,} items")


def _complain(problems: tuple[str, ...]) -> None:
    for line in problems[:5]:
        sys.stderr.write(f"lucida: warning: {line}\n")
    if len(problems) > 5:
        sys.stderr.write(f"lucida: warning: … and {len(problems) - 5} more problems with the data\n")


def _print(documents: dict[str, dict[str, Any]], *, json: bool, compat: bool) -> None:
    mended, released = documents["score"], documents["score-compat"]
    if json:
        print(json_module.dumps(released if compat else mended, indent=1, allow_nan=False))
        return
    shown = [released] if compat else [mended]
    if not compat and released["score"]["summary"] != mended["score"]["summary"]:
        shown.append(released)
    for document in shown:
        print("\n".join(lines_of(document)))
