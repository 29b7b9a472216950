"""Our protocols inside lmms-eval, which need not be installed: what is written, shown, and that the score is ours."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from lucida.bench import lmms_eval_plugin as plugin
from lucida.bench.lend import lend
from lucida.bench.made import make_paradlc
from lucida.bench.protocol import load_protocol
from lucida.cli.main import main
from lucida.media.errors import InputError
from tests.bench.toy import write_toy

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make_paradlc(root / "paradlc", pictures=2, regions=[2])
    write_toy(root / "toy", 4, 2)
    (root / "dlc").mkdir()
    return root


@pytest.fixture(autouse=True)
def fresh(home: Path) -> None:
    for known in (plugin._bench, plugin._frames, plugin._summary):
        known.cache_clear()


class Loader(yaml.SafeLoader):
    """Reads ``!function module.name`` as lmms-eval does."""


def function(loader: Any, node: Any) -> Any:
    module, _, name = loader.construct_scalar(node).rpartition(".")
    assert module == "lucida_lent"
    return getattr(plugin, name)


Loader.add_constructor("!function", function)


def docs(folder: Path, name: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    config = yaml.load((folder / f"{name}.yaml").read_text(), Loader)
    lines = Path(config["dataset_kwargs"]["data_files"]["test"]).read_text().splitlines()
    return config, [json.loads(line) for line in lines]


def test_the_score_inside_lmms_eval_is_ours(data: Path, tmp_path: Path) -> None:
    lent = lend(data, tmp_path)
    assert lent.tasks == {"lucida_paradlc": 4, "lucida_toy": 4} and "annotations.json" in lent.left_out["dlc"]
    protocol = load_protocol("paradlc", data / "paradlc")
    config, rows = docs(tmp_path, "lucida_paradlc")
    truth = protocol.baselines()["oracle"]
    said = {row["id"]: truth[row["id"]].raw if n else "a thing" for n, row in enumerate(rows)}
    metrics = {entry["metric"]: entry["aggregation"] for entry in config["metric_list"]}
    results = [config["process_results"](row, [said[row["id"]]]) for row in rows]
    figures = {name: aggregate([one[name] for one in results]) for name, aggregate in metrics.items()}
    replies = {key: truth[key].__class__(id=key, raw=text) for key, text in said.items()}
    assert figures == dict(protocol.score(replies).summary) and 0 < figures["mean"] < 100
    compile((tmp_path / "lucida_lent.py").read_text(), "lucida_lent.py", "exec")
    assert set(plugin.__all__) >= {value.__name__ for value in config.values() if callable(value)}


def test_regions_are_outlined_and_frames_carry_their_times(data: Path, tmp_path: Path) -> None:
    lend(data, tmp_path)
    config, rows = docs(tmp_path, "lucida_paradlc")
    [picture] = config["doc_to_visual"](rows[0], None)
    assert picture.size == (192, 192) and config["doc_to_text"](rows[0]) == "Describe the marked region in detail."
    config, rows = docs(tmp_path, "lucida_toy")
    [message] = config["doc_to_messages"](rows[0])
    kinds = [part["type"] for part in message["content"]]
    assert message["role"] == "user" and kinds == ["text", "image"] * 3 + ["text"]
    assert message["content"][0]["text"] == "<0.00 seconds>" and message["content"][1]["url"].size == (32, 24)
    assert message["content"][-1]["text"].endswith("3 frames.") and config["doc_to_text"](rows[0]).endswith("3 frames.")
    with pytest.raises(InputError, match="lend the tasks again"):
        config["doc_to_text"]({**rows[0], "id": "gone"})


class Manager:
    """The task index of lmms-eval, as far as it matters here."""

    def __init__(self, include_path: Any = None) -> None:
        self.paths = self.initialize_tasks(include_path=include_path, include_defaults=True)

    def initialize_tasks(self, include_path: Any = None, include_defaults: bool = True) -> list[str]:
        return [include_path] if isinstance(include_path, str) else list(include_path or ())


def test_the_entry_point_adds_a_folder_and_never_stands_in_the_way(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["lmms_eval.models"]
    assert entry == {"lucida": f"{plugin.__name__}:{plugin.register.__name__}"}
    monkeypatch.delenv(plugin.DATA, raising=False)
    assert plugin.register() == []
    manager = type("TaskManager", (Manager,), {})
    tasks = ModuleType("lmms_eval.tasks")
    tasks.TaskManager = manager  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lmms_eval", ModuleType("lmms_eval"))
    monkeypatch.setitem(sys.modules, "lmms_eval.tasks", tasks)
    monkeypatch.setenv(plugin.DATA, str(data))
    assert plugin.register() == []
    for given in (None, "own", ["own"]):
        *own, ours = manager(given).paths
        assert own == ([] if given is None else ["own"]) and (Path(ours) / "lucida_paradlc.yaml").is_file()
    assert Manager().paths == [] and not caplog.records
    monkeypatch.setenv(plugin.DATA, str(tmp_path / "nowhere"))
    assert plugin.register() == [] and "no such folder" in caplog.text and "--include_path" in caplog.text


def test_the_verb(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "lend", "--data", str(data), "--out", str(tmp_path / "t"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"]["lucida_paradlc"] == 4
    assert main(["bench", "lend", "--data", str(data / "dlc"), "--out", str(tmp_path / "u")]) == 2
    assert "no protocol's files" in capsys.readouterr().err and not (tmp_path / "u").exists()
