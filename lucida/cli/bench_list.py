"""``lucida bench list``: the protocols, and for one of them its files, its options and its baselines' meaning."""

from __future__ import annotations

import inspect
import json as json_module
from typing import Any


def list_protocols(protocol: str | None = None, *, json: bool = False) -> None:
    """List the protocols; with the name of one, say which files it reads and which options it has.

    Args:
        protocol: the one to be told about.
        json: print one JSON document instead of lines.

    Examples:
        lucida bench list
        lucida bench list videozero
    """
    from lucida.bench.protocol import PROTOCOLS, protocol_class

    if protocol is not None:
        facts = details(protocol)
        if json:
            print(json_module.dumps({"schema": "lucida/1", "protocol": facts}, indent=2))
            return
        print(f"{facts['name']}: {facts['title']} (data: {facts['licence']})\n\n{facts['about']}\n\n{facts['reads']}")
        for name, default in facts["options"].items():
            print(f"    --option {name}={default}")
        print(f"\nHeadline: {facts['headline']}. Without the official files:")
        print(f"    lucida bench make {protocol} made\n    lucida bench run {protocol} --data made --model oracle")
        return
    rows = []
    for name in PROTOCOLS:
        kind = protocol_class(name)
        rows.append({"name": name, "title": kind.title, "licence": kind.licence})
    if json:
        print(json_module.dumps({"schema": "lucida/1", "protocols": rows}, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        print(f"{row['name']:<{width}}  {row['title']} (data: {row['licence']})")
    print("\nFiles and options of one: lucida bench list NAME")


def details(protocol: str) -> dict[str, Any]:
    """What a protocol is, what it reads, and its options with their defaults.

    Raises:
        InputError: unknown.
    """
    from lucida.bench.protocol import protocol_class

    kind = protocol_class(protocol)
    reads = (inspect.getdoc(kind.load) or "").partition("\nRaises:")[0].strip().replace("\nArgs:", "\nOptions:")
    options = {
        name: json_module.dumps(one.default)
        for name, one in inspect.signature(kind.load).parameters.items()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return {"name": protocol, "title": kind.title, "licence": kind.licence, "headline": kind.headline,
            "about": inspect.getdoc(kind) or "", "reads": reads, "options": options}  # fmt: skip
