"""The public stream's own description, AsyncAPI 3: every topic, every type of record, the schema of each.

It is made from the lists beside the event classes and committed, so that a change of what leaves the house is a change
that somebody reads. What a type's version says it says for ever, because the topics hold its records for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args, get_origin

from consumers.relay.facts import NAMESPACE, Reading, reading_of
from consumers.relay.forgotten import FORGOTTEN
from consumers.relay.promises import breaks, without_version
from consumers.relay.publication import KEPT, services, source_of, topic_name
from domain.payments.money import Money
from domain.publishing import DAYS_LEFT, members, without_none
from ledger.topics import event_classes

Json: TypeAlias = dict[str, Any]

AMOUNT: Final = r"^[0-9]{1,9}\.[0-9]{2}$"
CURRENCY: Final = "^[A-Z]{3}$"
IDENTIFIER: Final = "^[0-9a-f]{32}$"
HOURLY: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00Z$"
COUNTED: Final = "^[1-9][0-9]{0,17}$"
SECONDS: Final = "^(0|[1-9][0-9]{0,17})$"

_DESCRIPTION: Final = """
Every fact that may leave the house, once and in order for each case, under a name that leads to nobody.

A record's key is the pseudonym of its case. Times are cut to the hour; `ce_elapsed` says how many seconds went by
since the case's fact before, so that times from state to state are sums. Facts may be added to a type: readers leave
alone what they do not know. Everything else about a type changes with its version only. See docs/stream.md.
"""

_KEY: Final[Json] = {"type": "string", "format": "uuid", "description": "The pseudonym of the case."}


class Breaking(Exception):
    """What a version of a type said is not what the code would say under the same version; lists what."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__("; ".join(changes))
        self.changes = changes


def readings() -> dict[str, Reading]:
    """Every published event class by its ``ce_type``, in the order of the types."""
    found = (reading_of(topic) for topic in event_classes())
    return dict(sorted((one.type, one) for one in found if one is not None))


def document(committed: Mapping[str, Any] | None) -> Json:
    """The description, as the code has it; ``committed`` is the one that readers have.

    What that one says of older versions of types stays, for their records do. A fact that a type did not have then is
    not required: its earlier records lack it. Raises: Breaking.
    """
    known: Mapping[str, Json] = committed["components"]["messages"] if committed is not None else {}
    every = readings()
    messages: dict[str, Json] = {}
    for name, reading in every.items():
        message = _message(reading)
        if name in known:
            message["payload"]["required"] = sorted(known[name]["payload"]["required"])
        messages[name] = message
    messages[FORGOTTEN] = _tombstone()
    retired = {name: {**told, "deprecated": True} for name, told in known.items() if name not in messages}
    messages.update(retired)
    channels = {service: _channel(service, messages, every) for service in services()}
    told: Json = {
        "asyncapi": "3.0.0",
        "info": {"title": "Sarkmeli: the public stream", "version": "1.0.0", "description": cleandoc(_DESCRIPTION)},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {f"publish_{service}": _operation(service) for service in channels},
        "components": {"messages": dict(sorted(messages.items())), "schemas": _header_schemas()},
    }
    listed = {without_version(name) for name in (*every, FORGOTTEN)}
    if committed is not None and (changes := list(breaks(committed, told, listed))):
        raise Breaking(changes)
    return told


def current(path: Path) -> str:
    """The text of the description, for readers of the one that is committed at ``path``. Raises: Breaking."""
    committed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return json.dumps(document(committed), indent=2, ensure_ascii=False) + "\n"


def _message(reading: Reading) -> Json:
    properties = {fact.name: schema_of(fact.hint) for fact in reading.facts}
    if reading.listed.term is not None:
        told = "Days from the day of the fact in Tbilisi to the last day of the term; null while no term runs."
        properties[DAYS_LEFT] = {"type": ["integer", "null"], "description": told}
    payload = {"type": "object", "properties": dict(sorted(properties.items())), "required": sorted(properties)}
    title = reading.kind.__qualname__.rpartition(".")[2]
    ended = {"summary": "No more of these come; those that came stay."} if reading.listed.ended else {}
    return {
        "name": reading.type,
        "title": title,
        **ended,
        "contentType": "application/json",
        "headers": _headers("FactHeaders", reading.type),
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }


def _tombstone() -> Json:
    return {
        "name": FORGOTTEN,
        "title": "Forgotten",
        "summary": "The case was erased: whoever holds anything under this key must forget it. A topic that was made "
        "anew (another topic id) says neither the case nor this again: drop first what came of the old one.",
        "headers": _headers("Headers", FORGOTTEN),
        "payload": {"type": "null"},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }


def _headers(schema: str, its_type: str) -> Json:
    its = {"type": "object", "properties": {"ce_type": {"const": its_type}}}
    return {"allOf": [{"$ref": f"#/components/schemas/{schema}"}, its]}


def _header_schemas() -> dict[str, Json]:
    sources = [source_of(service)[1].decode() for service in services()]
    every: dict[str, Json] = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "pattern": IDENTIFIER, "description": "The same whenever it is published."},
        "ce_source": {"type": "string", "enum": sources},
        "ce_type": {"type": "string"},
    }
    sequence = "The how-manieth public fact of its case, from 1, without a gap."
    elapsed = "Whole seconds since the case's public fact before; absent of the first."
    of_facts: dict[str, Json] = {
        "ce_time": {"type": "string", "pattern": HOURLY, "description": "The hour in which it happened, UTC."},
        "ce_sequence": {"type": "string", "pattern": COUNTED, "description": sequence},
        "ce_elapsed": {"type": "string", "pattern": SECONDS, "description": elapsed},
        "content-type": {"type": "string", "const": "application/json"},
    }
    required = [name for name in (*every, *of_facts) if name != "ce_elapsed"]
    return {
        "Headers": {"type": "object", "properties": every, "required": [*every]},
        "FactHeaders": {"type": "object", "properties": every | of_facts, "required": required},
    }


def schema_of(hint: Any) -> Json:
    """The JSON Schema of a public fact's values (2020-12, and draft 7 as AsyncAPI has it)."""
    there, may_be_absent = without_none(hint)
    schema = _schema(there)
    return {"anyOf": [schema, {"type": "null"}]} if may_be_absent else schema


def _schema(there: Any) -> Json:
    if there is bool:
        return {"type": "boolean"}
    if there is int:
        return {"type": "integer"}
    if there is Money:
        parts = {"amount": {"type": "string", "pattern": AMOUNT}, "currency": {"type": "string", "pattern": CURRENCY}}
        return {"type": "object", "properties": parts, "required": ["amount", "currency"]}
    if get_origin(there) is tuple:
        return {"type": "array", "items": schema_of(get_args(there)[0])}
    if issubclass(there, Enum):
        values = [member.value for member in there]
        return {"type": "string" if all(isinstance(value, str) for value in values) else "integer", "enum": values}
    properties = {name: schema_of(inner) for name, inner in members(there)}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _channel(service: str, messages: Mapping[str, Json], every: Mapping[str, Reading]) -> Json:
    others = {f"{NAMESPACE}.{other}." for other in services() if other != service}
    names = [name for name in messages if not any(name.startswith(other) for other in others)]
    return {
        "address": topic_name("{prefix}", service),
        "title": service,
        "description": "Its cases with their calls and payments. The key is the case's pseudonym.",
        "parameters": {"prefix": {"default": NAMESPACE, "description": "As the office set it."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(names)},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "cleanup.policy": [KEPT["cleanup.policy"]],
                    "retention.ms": int(KEPT["retention.ms"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(service: str) -> Json:
    return {"action": "send", "channel": {"$ref": f"#/channels/{service}"}}
