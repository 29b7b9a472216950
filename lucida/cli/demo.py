"""``lucida demo``: one page that shows it all, on the shipped examples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucida.cli.results import made_folder
from lucida.media import settings
from lucida.media.errors import InputError

if TYPE_CHECKING:
    from lucida.cli.page_data import Shown
    from lucida.systems.describe.system import Describer


def demo(
    *,
    out: Path | None = None,
    open: bool = False,
    hero: Path | None = None,
    model: str = "describe",
) -> None:
    """Make a page that shows it all on the shipped examples.

    Every example is described: photographs with regions drawn by hand, two of them
    with automatic regions too, and composed scenes with the truth beside what the
    model says, questions and answers included. Class maps, drawings and latents
    follow where their models are there. The page is one file that needs nothing
    else. stdout is its path.

    Args:
        out: the folder to write index.html in; default: a new one under runs/demo.
        open: open the page in a browser.
        hero: write a PNG of one photograph and one scene too.
        model: a name, a folder or a hub id (see: lucida list).

    Examples:
        lucida demo
        lucida demo --out page --open
    """
    import time

    from lucida.models.store import read_config, resolve_weights

    examples = settings.shipped("examples")
    if examples is None:
        raise InputError(
            "the shipped examples are not here: reinstall camera-lucida, or run inside a checkout"
        )
    folder = resolve_weights(model)
    if read_config(folder).get("system") != "describe":
        raise InputError(f"model {model}: not a describer")

    from lucida.cli.live import LiveCanvas
    from lucida.cli.page_html import page
    from lucida.cli.page_run import documents, show, sources
    from lucida.media.files import atomic_write

    target = made_folder(out, "demo") / "index.html"
    begin = time.perf_counter()
    shown: list[Shown] = []
    with LiveCanvas() as canvas:
        paths, known = documents(examples), sources(examples)
        canvas.doing(f"reading the model {model}")
        describer = _load(model)
        for number, path in enumerate(paths, start=1):
            canvas.doing(f"{number}/{len(paths)} {path.stem}")
            shown.append(show(describer, path, known.get(f"{path.stem}.jpg")))
        from lucida.cli.demo_parts import sections

        more = sections(examples, paths, canvas.doing)
        canvas.doing("writing the page")
        text = page(shown, facts(describer, folder, model, shown, time.perf_counter() - begin), more)
        atomic_write(target, text)
        if hero is not None:
            from lucida.cli.page_hero import hero_picture

            hero_picture(shown).save(hero)
    sys.stderr.write(f"{len(shown)} pictures in {time.perf_counter() - begin:.1f} s\n")
    print(target)
    if hero is not None:
        print(hero)
    if open:
        import webbrowser

        webbrowser.open(target.absolute().as_uri())


def _load(model: str) -> Describer:
    """The describer, with whoever finds regions for ``lucida describe``."""
    from lucida.systems.registry import load
    from lucida.systems.segment.proposals import installed_proposer

    describer: Describer = load(model)
    describer.proposer = installed_proposer()
    return describer


def facts(
    describer: Describer, folder: Path, model: str, shown: list[Shown], seconds: float
) -> list[tuple[str, str]]:
    """What the top of the page says about the model, the machine and this run."""
    import torch

    from lucida.models.store import size
    from lucida.train.machine import cores, cpu_name

    trained: dict[str, Any] = describer.config.get("trained", {})
    probe: dict[str, float] = trained.get("probe", {})
    views = [view for one in shown for view in one.views]
    regions = sum(len(view.lines) for view in views)
    found = [
        (
            "model",
            f"{model}, {describer.network.parameters_count / 1e6:.1f} M weights, {size(folder) / 1e6:.1f} MB",
        ),
        ("trained", f"{trained.get('steps', '?')} steps in {_duration(float(trained.get('seconds', 0)))}"),
    ]
    held_out = [
        f"{name} {probe[name]:.2f}"
        for name in ("noun", "colour", "size", "place", "all", "lookup")
        if name in probe
    ]
    if held_out:
        found.append(("held-out scenes", ", ".join(held_out)))
    found += [
        ("machine", f"{cpu_name()}, {cores()} cores, {describer.device}, PyTorch {torch.__version__}"),
        ("here", f"{regions} regions, {sum(view.passes for view in views)} forward passes, "
                 f"{sum(view.seconds for view in views):.1f} s; everything {seconds:.0f} s"),
    ]  # fmt: skip
    return found


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )
