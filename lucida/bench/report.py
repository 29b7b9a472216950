"""The HTML report: one self-contained page for one or more runs, with what a number needs to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucida.bench.compare import compare
from lucida.bench.power import detectable, paired_sd
from lucida.bench.protocol import Protocol, load_protocol
from lucida.bench.records import Reply, Request, Row
from lucida.bench.report_examples import example, pick
from lucida.bench.report_parts import Html, folded, intervals, page, table, text, tiles
from lucida.bench.scoring import means, read_score, rows_of
from lucida.bench.store import read_run
from lucida.media.errors import InputError

MOST_VALUES, MOST_PROBLEMS = 24, 60
DRAWS = 1000
NAMED = 6  # rows named for each reason
NO_REASON = {"missing": "no reply", "error": "no reason given", "unparsed": "nothing could be read from the reply",
             "refused": "the judge gave no verdict", "ok": ""}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One run as the report reads it: its score documents, and its data if it is still there."""

    name: str
    document: Mapping[str, Any]
    compat: Mapping[str, Any] | None
    protocol: Protocol | None
    replies: Mapping[str, Reply]

    @property
    def rows(self) -> list[Row]:
        """The scored rows."""
        return rows_of(self.document)


def read_scored(folder: str | Path) -> Scored:
    """A run folder that was scored.

    Raises:
        InputError: no score in it.
    """
    folder = Path(folder).expanduser()
    document = read_score(folder)
    both = folder / "score-compat.json" if folder.is_dir() else None
    protocol = None
    replies: dict[str, Reply] = {}
    try:
        known = read_run(folder) if folder.is_dir() and (folder / "run.json").exists() else {}
        protocol = load_protocol(document["protocol"], document["data"], **known.get("options", {}))
        if known.get("limit"):
            protocol.first(known["limit"])
        replies, _ = protocol.read_predictions(Path(document.get("predictions") or folder))
    except InputError:  # the numbers stand without the data; examples then have no pictures
        pass
    return Scored(
        name=f"{document['model'] or folder.name}", document=document, protocol=protocol, replies=replies,
        compat=read_score(both) if both is not None and both.exists() else None,
    )  # fmt: skip


def report(runs: Sequence[Scored], *, examples: int = 8) -> str:
    """The page.

    Raises:
        InputError: no runs.
    """
    if not runs:
        raise InputError("report: want at least one run")
    body = [f"<h1>{text(' and '.join(dict.fromkeys(run.document['title'] for run in runs)))}</h1>"]
    for run in runs:
        body += _run(run, examples)
    for i, a in enumerate(runs):
        for b in runs[i + 1 :]:
            if a.document["protocol"] == b.document["protocol"]:
                body += [
                    f"<h2>{text(a.name)} against {text(b.name)}</h2>",
                    comparison_table(a.document, b.document),
                ]
    return page("Lucida bench", "".join(body))


def _run(run: Scored, examples: int) -> list[str]:
    document, rows = run.document, run.rows
    score = document["score"]
    statuses = score["statuses"]
    total = max(1, sum(statuses.values()))
    failed = ", ".join(f"{count} {name} ({100 * count / total:.1f} %)" for name, count in statuses.items())
    parts = [
        f"<h2>{text(document['title'])}: {text(run.name)}</h2>",
        tiles(headline_tiles(document, len({row.item for row in rows}))),
        f"<p>n = {score['n']}; rows: {text(failed)}. <span class=soft>Data licence: {text(document['licence'])}."
        "</span></p>",
        *[f'<p class="warn">{text(note)}</p>' for note in score.get("notes", ())],
        "<h3>Summary</h3>", _summary(run), "<h3>Means with 95 % cluster-bootstrap intervals</h3>",
        "<p class=soft>Per cent of the rows that carry a score; whole videos or pictures are resampled. "
        "The last column is the smallest difference to a second model that this set would show in 80 % of studies, "
        "if the two disagreed as two independent ones would.</p>",
        _means(document, rows), "<h3>Cost</h3>", _costs(document["costs"], len({row.item for row in rows})),
    ]  # fmt: skip
    parts += _breakdowns(rows, document["headline"])
    parts += ["<h3>Failures and remarks</h3>", failures(rows)]
    parts += ["<h3>Problems with data and files</h3>", _problems(document["problems"])]
    parts += ["<h3>Provenance</h3>", table(("what", "value"), list(score.get("provenance", {}).items()))]
    if examples and rows:
        requests = _requests(run)
        legend = (
            '<span class="key" style="background:#0f766e"></span>true evidence '
            '<span class="key" style="background:#d97706"></span>the model\'s. Chosen by rule, not by eye.'
        )
        parts.append(f"<h3>Examples</h3><p class=soft>{legend}</p>")
        chosen = pick(rows, document["headline"], examples)
        parts += [example(row, requests, run.replies, run.protocol) for row in chosen]
    return parts


def headline_tiles(document: Mapping[str, Any], items: int) -> list[tuple[str, str, str]]:
    """What must be seen first: the headline with its interval, what bounds it, what failed, what it cost."""
    score, name, costs = document["score"], document["headline"], document["costs"]
    found = []
    for prefix, words in (("", ""), ("judged_", ", with judge")):
        mean = document["means"].get(prefix + name)
        value = (score["summary"] if not prefix else score.get("judged") or {}).get(name)
        if mean is None and value is None:
            continue
        figure = value if value is not None else 100 * mean["mean"] if mean is not None else 0.0
        more = "" if mean is None else f"95 %: {100 * mean['low']:.1f} to {100 * mean['high']:.1f}"
        found.append((f"{name}{words}", f"{figure:.1f}", more))
    clusters = len({row["cluster"] for row in score["rows"]})
    found.append(("n", f"{score['n']:,}", f"in {clusters:,} videos or pictures"))
    found.append(("ceiling", f"{score.get('ceilings', {}).get(name, 100.0):.1f}", f"the most that {name} can reach"))
    trivial = [
        (summary[name], known) for known, summary in document["baselines"].items()
        if not known.startswith("oracle") and name in summary
    ]  # fmt: skip
    if trivial:
        value, known = max(trivial)
        found.append(("best trivial baseline", f"{value:.1f}", known))
    statuses = score["statuses"]
    total = max(1, sum(statuses.values()))
    lost = {key: count for key, count in statuses.items() if key != "ok" and count}
    share = 100 * sum(lost.values()) / total
    found.append(("not read", f"{share:.1f} %", ", ".join(f"{count} {key}" for key, count in lost.items()) or "none"))
    spent = [(words, costs[key]["total"] / max(1, items)) for key, words in (("seconds", "s"), ("tokens", "tokens"))
             if key in costs]  # fmt: skip
    if spent:
        figures = [f"{value:.3g} {words}" for words, value in spent]
        found.append(("cost of an item", figures[0], ", ".join(figures[1:])))
    return found


def _requests(run: Scored) -> dict[str, Request]:
    if run.protocol is None:
        return {}
    return {one.id: one for one in (*run.protocol.requests(), *run.protocol.follow_ups(run.replies))}


def _summary(run: Scored) -> str:
    score, baselines = run.document["score"], run.document["baselines"]
    compat = run.compat["score"]["summary"] if run.compat else {}
    judged = score.get("judged") or {}
    extra = [name for name, values in (("as released (compat)", compat), ("with judge", judged)) if values]
    trivial = {name: values for name, values in baselines.items() if not name.startswith("oracle")}
    oracles = {name: values for name, values in baselines.items() if name.startswith("oracle")}
    header = ["metric", "value", *extra, "ceiling", *trivial]
    rows = []
    names = list(dict.fromkeys([*score["summary"], *compat, *judged]))
    for name in names:
        columns = [values.get(name, "–") for values in (compat, judged) if values]
        ceiling = score.get("ceilings", {}).get(name, "–")
        rows.append([name, score["summary"].get(name, "–"), *columns, ceiling,
                     *[values.get(name, "–") for values in trivial.values()]])  # fmt: skip
    if not oracles:
        return table(header, rows)
    known = [[name, *[values.get(name, "–") for values in oracles.values()]] for name in names]
    scripted = table(["metric", *oracles], [row for row in known if set(row[1:]) != {"–"}])
    return table(header, rows) + folded("Scripted oracles on this data", scripted)


def _means(document: Mapping[str, Any], rows: Sequence[Row]) -> str:
    known, lines = document["means"], []
    for name, mean in known.items():
        taking = [row for row in rows if name in row.scores]
        least: float | str = "–"  # of a figure composed of several means
        if taking:
            sd, n = paired_sd([row.scores[name] for row in taking], [row.cluster for row in taking])
            least = 100 * detectable(sd * 2**0.5, n)
        percents = [100 * mean[key] for key in ("mean", "low", "high")]
        lines.append([name, *percents, mean["n"], mean["clusters"], least])
    marks = {name: _marks(document, name) for name in known}
    plot = (
        intervals([{"label": name, **mean, "marks": marks[name]} for name, mean in known.items()])
        if known
        else ""
    )
    trivial = [name for name in document["baselines"] if not name.startswith("oracle")]
    legend = (
        f'<p class=soft><span class="key" style="background:var(--a)"></span>the model, with its interval '
        f'<span class="key" style="background:var(--b)"></span>trivial baselines ({text(", ".join(trivial))}) '
        f'<span class="key" style="background:var(--good)"></span>ceiling. Names on hovering.</p>'
    )
    header = ("score", "mean", "low", "high", "rows", "clusters", "detectable ±")
    return str(plot) + (legend if any(marks.values()) else "") + table(header, lines)


def _marks(document: Mapping[str, Any], name: str) -> dict[str, float]:
    """What a row score is to be seen beside, in 0..1: trivial baselines, and its ceiling where that is not 1."""
    found = {
        baseline: summary[known] / 100
        for baseline, summary in document["baselines"].items()
        for known in (name, f"m_{name}")  # V-STaR's names of means
        if not baseline.startswith("oracle") and known in summary
    }
    ceiling = document["score"].get("ceilings", {}).get(name)
    return found | ({} if ceiling is None else {"ceiling": ceiling / 100})


def _costs(costs: Mapping[str, Mapping[str, Any]], items: int) -> str:
    if not costs:
        return "<p class=soft>Nothing is known: the replies carry neither seconds nor tokens.</p>"
    rows = [
        [name, cost["mean"], cost["total"] / max(1, items) if _adds_up(name) else "–",
         cost["total"] if _adds_up(name) else "–", cost["n"]]
        for name, cost in costs.items()
    ]  # fmt: skip
    return table(("cost", "mean of a reply", "per item", "total", "replies that know it"), rows)


def _adds_up(name: str) -> bool:
    return " per " not in name


def failures(rows: Sequence[Row]) -> str:
    """What went wrong with replies, and what is to be remarked about rows: counted by reason, and named."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.status != "ok" or row.note:
            found.setdefault((row.status, row.note or NO_REASON[row.status]), []).append(row.id)
    if not found:
        return "<p>None: every reply came and was read.</p>"
    ordered = sorted(found.items(), key=lambda entry: (entry[0][0] == "ok", -len(entry[1])))
    lines = [
        [status, reason if len(reason) <= 300 else f"{reason[:300]}…", len(ids),
         ", ".join(ids[:NAMED]) + (", …" if len(ids) > NAMED else "")]
        for (status, reason), ids in ordered[:MOST_PROBLEMS]
    ]  # fmt: skip
    left = sum(len(ids) for _, ids in ordered[MOST_PROBLEMS:])
    more = f"<p>… and {left} rows with other reasons.</p>" if left else ""
    return table(("status", "why", "rows", "which"), lines) + more


def _breakdowns(rows: Sequence[Row], headline: str) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row.scores)
    scores = next(([name] for name in (headline, "score", "accuracy") if name in names), list(names)[:2])
    scores = [f"judged_{name}" if f"judged_{name}" in names else name for name in scores]
    parts: list[str] = []
    for key in dict.fromkeys(key for row in rows for key in row.meta):
        groups: dict[str, list[Row]] = {}
        for row in rows:
            value = row.meta.get(key)
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(one, (str, int, bool)):
                    groups.setdefault(str(one), []).append(row)
        if not 2 <= len(groups) <= MOST_VALUES or 2 * len(groups) > len(rows):
            continue  # one value, or hardly two rows for each
        for score in scores:
            lines = []
            for value, group in sorted(groups.items()):
                found = means([row for row in group if score in row.scores], draws=DRAWS).get(score)
                if found is not None:
                    lines.append({"label": value, **found})
            if len(lines) > 1:
                parts += [f"<h3>{text(score)} by {text(key)}</h3>", intervals(lines)]
    return parts


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return "<p>None: every row of the data and every reply was read.</p>"
    more = f"<li>… and {len(problems) - MOST_PROBLEMS} more</li>" if len(problems) > MOST_PROBLEMS else ""
    items = "".join(f"<li>{text(line)}</li>" for line in problems[:MOST_PROBLEMS])
    return f"<p>{len(problems)}:</p><ul>{items}{more}</ul>"


def comparison_table(a: Mapping[str, Any], b: Mapping[str, Any]) -> Html:
    """Paired differences of two score documents, in points."""
    try:
        found = compare(a, b, draws=DRAWS)
    except InputError as error:
        return Html(f"<p>{text(error)}</p>")
    rows = []
    for c in found:
        d = c.difference
        rows.append([c.score, 100 * c.mean_a, 100 * c.mean_b, 100 * d.mean, 100 * d.low, 100 * d.high,
                     f"{c.wins} / {c.losses} / {c.ties}", 100 * c.detectable])  # fmt: skip
    warnings = "".join(f'<p class="warn">{text(line)}</p>' for line in (found[0].warnings if found else ()))
    header = ("score", "A", "B", "A minus B", "low", "high", "wins / losses / ties", "detectable ±")
    return Html(warnings + table(header, rows))
