"""What readers of the stream go by, and how a new description breaks what the committed one promised them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]


def breaks(old: Json, new: Json, listed: Set[str]) -> Iterator[str]:
    """How ``new`` breaks what readers of ``old`` go by: of the topics, of what every record bears, of each type.

    ``listed`` are the types that have a list, in whatever version, without it.
    """
    for name, channel in old["channels"].items():
        now = new["channels"].get(name)
        if now is None:
            yield f"{name} has no topic any more"
        elif now["address"] != channel["address"]:
            yield f"{name} has its topic under another name"
    for name, headers in old["components"]["schemas"].items():
        now = new["components"]["schemas"].get(name)
        yield from _of_headers(name, headers, now) if now is not None else (f"there are no {name} any more",)
    messages = new["components"]["messages"]
    for name, message in old["components"]["messages"].items():
        if (now := messages.get(name)) is not None:
            yield from _of_a_type(name, message, now)
        if without_version(name) not in listed:
            yield f"{name} lost its list: a replay would leave out what was published of it. List it as `ended=True`"


def _of_headers(name: str, old: Json, new: Json) -> Iterator[str]:
    for header, schema in old["properties"].items():
        now = new["properties"].get(header)
        if now is None:
            yield f"{name} no longer bear {header}"
        elif _bare(_open(schema)) != _bare(_open(now)) or not set(schema.get("enum", ())) <= set(now.get("enum", ())):
            yield f"{name} bear {header} in another way"
    if set(old["required"]) != set(new["required"]):
        yield f"{name} bear other headers always"


def _open(schema: Json) -> Json:
    """A header's schema without its words: another service brings one more, in topics of its own."""
    return {key: value for key, value in schema.items() if key != "enum"}


def _of_a_type(name: str, old: Json, new: Json) -> Iterator[str]:
    for part in ("headers", "contentType", "bindings"):
        if _bare(old.get(part)) != _bare(new.get(part)):
            yield f"{name} has other {part}"
    facts = new["payload"].get("properties", {})
    for fact, schema in old["payload"].get("properties", {}).items():
        if fact not in facts:
            yield f"{name} no longer says {fact}"
        elif _bare(schema) != _bare(facts[fact]):
            yield f"{name} says {fact} in another way"


def without_version(name: str) -> str:
    """A type's name whatever its version."""
    return name.rpartition(".")[0]


def _bare(schema: Any) -> Any:
    """A schema without what is for people only, its lists in order: their order means nothing."""
    if isinstance(schema, Mapping):
        told = cast(Mapping[str, Any], schema)
        return {key: _bare(value) for key, value in told.items() if key != "description"}
    if isinstance(schema, list):
        return sorted((_bare(one) for one in cast(list[Any], schema)), key=str)
    return schema
