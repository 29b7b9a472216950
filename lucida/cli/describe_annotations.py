"""Annotation files as regions: COCO, and the official files of DLC-Bench, ParaDLC-Bench and GAR-Bench as they are.

All become one COCO document in memory, so there is one reader of regions. DLC-Bench is COCO already. ParaDLC-Bench is a
list of pictures with run-length masks; GAR-Bench a list of questions, each with its picture and the masks it is about:
masks of one picture are numbered in the order of the file, equal ones once.
"""

from __future__ import annotations

from typing import Any

from lucida.media.errors import InputError


def as_coco(data: Any, source: str) -> dict[str, Any]:
    """The document as COCO.

    Raises:
        InputError: none of these forms, or a record of another form.
    """
    if isinstance(data, dict):
        return data
    first = data[0] if isinstance(data, list) and data else None
    if isinstance(first, dict) and "mask_rles" in first:
        return _joined([_gar(row, f"{source}[{n}]") for n, row in enumerate(data)])
    if isinstance(first, dict) and "annotations" in first and "file_name" in first:
        return _joined([_paradlc(row, f"{source}[{n}]") for n, row in enumerate(data)])
    raise InputError(
        f"{source} is not a COCO document, nor annotations of ParaDLC-Bench or GAR-Bench: "
        f"{'the list is empty' if data == [] else f'want an object or a list of records, got {type(data).__name__}'}"
    )


_Picture = tuple[str, list[tuple[str, dict[str, Any]]]]  # file name, (label, run-length mask) of each region


def _joined(pictures: list[_Picture]) -> dict[str, Any]:
    images: dict[str, dict[str, Any]] = {}
    names: dict[str, int] = {}
    annotations: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for name, regions in pictures:
        for label, rle in regions:
            height, width = rle["size"]
            entry = images.setdefault(
                name, {"id": len(images) + 1, "file_name": name, "height": height, "width": width}
            )
            if (name, rle["counts"]) in seen:
                continue
            seen.add((name, rle["counts"]))
            category = names.setdefault(label, len(names) + 1)
            annotations.append({"id": len(annotations) + 1, "image_id": entry["id"], "category_id": category,
                                "segmentation": rle})  # fmt: skip
    categories = [{"id": number, "name": label} for label, number in names.items()]
    return {"images": list(images.values()), "annotations": annotations, "categories": categories}


def _gar(row: Any, where: str) -> _Picture:
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise InputError(f"{where}: image is missing")
    masks = row.get("mask_rles")
    if not isinstance(masks, list):
        raise InputError(f"{where}: mask_rles is missing")
    labels = [str(row.get("subject_name") or ""), str(row.get("object_name") or "")]
    labels += [""] * len(masks)
    return row["image"], [(labels[n], _rle(mask, f"{where}.mask_rles[{n}]")) for n, mask in enumerate(masks)]


def _paradlc(row: Any, where: str) -> _Picture:
    if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
        raise InputError(f"{where}: file_name is missing")
    entries = row.get("annotations")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{where}: annotations is not a list of objects")
    return row["file_name"], [
        (
            str(entry.get("category_name", "")),
            _rle(entry.get("mask_rle"), f"{where}.annotations[{n}].mask_rle"),
        )
        for n, entry in enumerate(entries)
    ]


def _rle(value: Any, where: str) -> dict[str, Any]:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("counts"), str)
        or not isinstance(value.get("size"), list)
        or len(value["size"]) != 2
    ):
        raise InputError(f"{where} is not a run-length mask")
    return value
