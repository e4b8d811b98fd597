"""The warehouse's three Iceberg tables: the facts, the cases that were forgotten, the records that made no sense.

Anything that reads Iceberg format 2 reads them as they are: Spark, Trino, DuckDB, pyiceberg.
"""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import BinaryType, IntegerType, LongType, NestedField, StringType, TimestamptzType
from sqlalchemy.exc import IntegrityError, OperationalError

CATALOG: Final = "sarkmeli"
"""The catalog's name, by which a SQL catalog keeps its tables apart; a Java reader's catalog must bear it too."""

FACTS: Final = Schema(
    NestedField(1, "id", StringType(), required=True, doc="CloudEvents id: the same for the same fact, always"),
    NestedField(2, "case", StringType(), required=True, doc="The case's pseudonym"),
    NestedField(3, "service", StringType(), required=True, doc="compatriot, taxpayer"),
    NestedField(4, "type", StringType(), required=True, doc="CloudEvents type, without its version"),
    NestedField(5, "type_version", IntegerType(), required=True, doc="The version of the type"),
    NestedField(6, "hour", TimestamptzType(), required=True, doc="When it happened, cut to the hour, UTC"),
    NestedField(7, "sequence", LongType(), required=True, doc="From 1, with no gap, within the case"),
    NestedField(8, "elapsed", LongType(), required=False, doc="Seconds since the case's fact before"),
    NestedField(9, "data", StringType(), required=True, doc="The fact's published fields, a JSON object"),
    NestedField(10, "topic", StringType(), required=True, doc="Where in Kafka it came from"),
    NestedField(11, "partition", IntegerType(), required=True),
    NestedField(12, "offset", LongType(), required=True),
)
"""The facts' columns. A later release adds optional ones at the end, under numbers of their own, and removes none."""

FORGOTTEN: Final = Schema(
    NestedField(1, "fingerprint", StringType(), required=True, doc="SHA-256 of the pseudonym, hexadecimal"),
    NestedField(2, "topic", StringType(), required=True),
    NestedField(3, "partition", IntegerType(), required=True),
    NestedField(4, "offset", LongType(), required=True, doc="The tombstone's"),
)
"""The cases that must stay out, without the pseudonym itself."""

UNREADABLE: Final = Schema(
    NestedField(1, "topic", StringType(), required=True),
    NestedField(2, "topic_id", StringType(), required=True),
    NestedField(3, "partition", IntegerType(), required=True),
    NestedField(4, "offset", LongType(), required=True),
    NestedField(5, "found_at", TimestamptzType(), required=True),
    NestedField(6, "reason", StringType(), required=True),
    NestedField(7, "key", BinaryType(), required=False),
    NestedField(8, "value", BinaryType(), required=False),
    NestedField(9, "headers", StringType(), required=True, doc="JSON: a list of names and values in base64"),
)
"""Records that are no public record of ours, byte for byte, with what is wrong; nothing of a forgotten case's."""

BY_DAY_AND_TYPE: Final = PartitionSpec(
    PartitionField(source_id=6, field_id=1000, transform=DayTransform(), name="day"),
    PartitionField(source_id=4, field_id=1001, transform=IdentityTransform(), name="type"),
)

PROPERTIES: Final = {
    "format-version": "2",
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "50",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.target-file-size-bytes": str(128 << 20),
    "write.parquet.compression-codec": "zstd",
    "write.metadata.metrics.column.data": "none",
}
"""No retries by the client: after a conflict it appends what another member has appended meanwhile, once more."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """Where the warehouse is.

    ``catalog``: ``http(s)://…`` of a REST catalog, else a SQLAlchemy address (``sqlite:////…``, ``postgresql+psycopg://…``).
    ``folder``: an absolute path or ``s3://bucket/prefix``; a REST catalog may choose by itself if it is empty.
    ``token`` and ``credential`` (``id:secret``) open a REST catalog. S3's keys, region and endpoint come from AWS's
    usual variables.
    """

    catalog: str = field(repr=False)
    folder: str
    token: str = field(default="", repr=False)
    credential: str = field(default="", repr=False)
    namespace: str = "sarkmeli"
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Warehouse:
    """The catalog and the three tables in it, as they were when they were opened."""

    catalog: Catalog
    facts: Table
    forgotten: Table
    unreadable: Table


def open_catalog(place: Place) -> Catalog:
    """The catalog, with the namespace made if it is not there."""
    properties: dict[str, str] = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", **dict(place.properties)}
    if endpoint := environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"):
        properties.setdefault("s3.endpoint", endpoint)  # its own clients heed these, and Arrow's does not
    if place.folder:
        properties["warehouse"] = place.folder if "://" in place.folder else Path(place.folder).as_uri()
    if place.catalog.startswith(("http://", "https://")):
        if place.token:
            properties["token"] = place.token
        if place.credential:
            properties["credential"] = place.credential
        catalog: Catalog = RestCatalog(CATALOG, uri=place.catalog, **properties)
    else:
        catalog = _sql_catalog(place, properties)
    with contextlib.suppress(NamespaceAlreadyExistsError):
        _once_more(lambda: catalog.create_namespace(place.namespace))
    return catalog


def open_warehouse(place: Place) -> Warehouse:
    """The three tables, made if they are not there, and with the columns of this release."""
    catalog = open_catalog(place)
    return Warehouse(
        catalog,
        facts=_open(catalog, f"{place.namespace}.facts", FACTS, BY_DAY_AND_TYPE),
        forgotten=_open(catalog, f"{place.namespace}.forgotten", FORGOTTEN, PartitionSpec()),
        unreadable=_open(catalog, f"{place.namespace}.unreadable", UNREADABLE, PartitionSpec()),
    )


def open_table(place: Place) -> Table:
    """The table of facts, made if it is not there."""
    return _open(open_catalog(place), f"{place.namespace}.facts", FACTS, BY_DAY_AND_TYPE)


def facts(table: Table, snapshot: int | None = None) -> pa.Table:
    """Every fact as Arrow, of the table's newest snapshot as it was opened or refreshed, or of ``snapshot``."""
    return table.scan(snapshot_id=snapshot).to_arrow()


def columns(schema: Schema) -> pa.Schema:
    """The Arrow schema that rows for ``schema`` are given in."""
    return schema_to_pyarrow(schema, include_field_ids=False)


def _open(catalog: Catalog, name: str, schema: Schema, spec: PartitionSpec) -> Table:
    try:
        table = catalog.load_table(name)
    except NoSuchTableError:
        try:
            return _once_more(lambda: catalog.create_table(name, schema, partition_spec=spec, properties=PROPERTIES))
        except TableAlreadyExistsError:
            table = catalog.load_table(name)
    while missing := [one for one in schema.fields if one.name not in table.schema().column_names]:
        with contextlib.suppress(CommitFailedException), table.update_schema() as change:
            for column in missing:
                change.add_column(column.name, column.field_type, doc=column.doc)
        table = catalog.load_table(name)
    return table


def _sql_catalog(place: Place, properties: dict[str, Any]) -> SqlCatalog:
    """Two processes that begin at once both find no tables of the catalog's, and one of them then makes them."""
    if place.catalog.startswith("sqlite:///"):
        Path(place.catalog.removeprefix("sqlite:///").partition("?")[0]).parent.mkdir(parents=True, exist_ok=True)
    return _once_more(lambda: SqlCatalog(CATALOG, uri=place.catalog, **properties))


def _once_more(attempt: Callable[[], _T]) -> _T:
    try:
        return attempt()
    except (IntegrityError, OperationalError):
        return attempt()
