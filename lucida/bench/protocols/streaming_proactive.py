"""Proactive tasks: when the first yes came, and what was put out."""

from __future__ import annotations

from collections.abc import Mapping

from lucida.bench.protocols.films import final_answer, plain
from lucida.bench.protocols.gar_items import reply_status
from lucida.bench.protocols.streaming_items import Alarm
from lucida.bench.records import Reply, Row, Status
from lucida.metrics.matchers import match_yesno


def first_yes(item: Alarm, replies: Mapping[str, Reply], *, compat: bool) -> tuple[int | None, Status, str]:
    """(the second of the first yes, status, note). A poll without a reply before it leaves all that follows unknown.

    A reply that is neither yes nor no is silence; if all are, the status is ``unparsed``.
    """
    unread = 0
    for time in item.polls:
        reply = replies.get(item.poll_id(time))
        status, note = reply_status(reply)
        if status in ("missing", "error") or reply is None:
            return None, status, f"poll at {time} s: {note or status}"
        if compat:
            if "yes" in reply.raw.lower():
                return time, "ok", ""
            continue
        said = match_yesno(final_answer(reply.raw), True)
        if said.ok:
            return time, "ok", ""
        unread += said.status == "unparsed"
    if unread == len(item.polls):
        return None, "unparsed", "no poll was answered with yes or no"
    return None, "ok", f"{unread} polls were neither yes nor no" if unread else ""


def proactive_row(item: Alarm, replies: Mapping[str, Reply], *, delta: float, compat: bool) -> Row:
    """In time: the first yes within ``delta`` seconds of the moment. Output: in time, and it is the true one."""
    time, status, note = first_yes(item, replies, compat=compat)
    in_time = time is not None and abs(time - item.moment) <= delta
    asked = [item.poll_id(t) for t in item.polls if time is None or t <= time]
    text, right = "", False
    if time is not None:
        asked.append(item.output_id(time))
        reply = replies.get(asked[-1])
        status, note = reply_status(reply)
        text = reply.raw if reply is not None else ""
        note = note or ("no output was asked for or came" if reply is None else "")
        if in_time and status == "ok":
            right = item.gold in text if compat else plain(final_answer(text)) == plain(item.gold)
    return Row(
        id=item.id, item=item.id, cluster=item.video, status=status, note=note, meta=item.meta,
        scores={"proactive time": float(in_time), "proactive output": float(right)},
        parsed=None if time is None else {"time": time, "answer": text}, requests=tuple(asked),
        gold={"time": item.moment, "answer": item.gold},
    )  # fmt: skip
