"""``lucida list``: the systems, and every model that a plain name finds."""

from __future__ import annotations

import json as json_module
from typing import Any

from lucida.models import store
from lucida.systems.registry import SYSTEMS


def listing(*, json: bool = False) -> None:
    """List the systems and the models found here.

    A model is found in $LUCIDA_HOME/weights or among the shipped ones; a folder or a hub id works as a name
    too.

    Args:
        json: print one JSON document instead of the table.

    Examples:
        lucida list
        lucida list --json
    """
    models = list_models()
    if json:
        print(json_module.dumps({"schema": "lucida/1", "systems": list(SYSTEMS), "models": models}, indent=2))
        return
    print(f"systems: {', '.join(SYSTEMS)}")
    if not models:
        print("models: none found (train one, or set LUCIDA_HOME)")
        return
    name_width = max(len(model["name"]) for model in models)
    role_width = max(len(model["system"] or "part") for model in models)
    for model in models:
        start = f"{model['name']:<{name_width}}  {model['system'] or 'part':<{role_width}}"
        print(f"{start}  {model['bytes'] / 1e6:6.1f} MB  {model['place']:<7}  {model['about']}")


def list_models() -> list[dict[str, Any]]:
    """One row per model: name, system (None for a part), place, bytes, folder, first line of its card."""
    rows = []
    for name, place, folder in store.known():
        about = store.one_line(store.read_card(folder))
        row = {"name": name, "system": store.read_config(folder).get("system"), "place": place}
        rows.append({**row, "bytes": store.size(folder), "folder": str(folder), "about": about})
    return rows
