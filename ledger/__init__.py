"""The append-only store of everything that happened: a persistence module for `eventsourcing`.

``PERSISTENCE_MODULE=ledger`` with the library's ``POSTGRES_*`` variables keeps any application's events. With
``LEDGER_KEYS_CONNINFO`` (the key store's database) and either ``LEDGER_KEY_FOLDER`` or ``LEDGER_KMS`` (the URI of a
PKCS#11 token) it seals personal fields and does each command once. ``LEDGER_CONNINFO``, if set, says in full how to
reach the ledger's database. ``LEDGER_KEYS_OPENED`` names a key store that is open in this process: it is used, and not
closed, in place of one of one's own.
"""

from __future__ import annotations

from typing import Any, cast

from eventsourcing import persistence, postgres, utils
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from typing_extensions import override

from ledger import connecting, lineage, mapper, opening, recorder, schema, sealing
from ledger.dispatcher import Dispatcher
from ledger.keys import KeyStore
from ledger.kms import open_kms

__all__ = ["Factory"]


class Factory(postgres.PostgresFactory):
    """Makes the ledger's recorder and mapper. One database is one ledger: every application in it shares the order.

    Raises at construction: OSError for settings that would break what the ledger promises, UnsafeDurability,
    KeysMissing, psycopg.OperationalError.
    """

    def __init__(self, env: utils.Environment | utils.EnvType | None) -> None:
        super().__init__(env)
        self.keys: KeyStore | None = None
        self._opened_keys = False
        for refused in (self.CIPHER_TOPIC, "CIPHER_KEY", self.COMPRESSOR_TOPIC):
            if self.env.get(refused):
                raise OSError(f"{refused} is set: the ledger seals personal fields itself and stores exact bytes")
        if (self.env.get(self.POSTGRES_SCHEMA) or "ledger") != "ledger":
            raise OSError("POSTGRES_SCHEMA is set: the ledger's tables are in the schema ledger")
        if self.datastore.originator_id_type != "uuid":
            raise OSError("ORIGINATOR_ID_TYPE is set: the ledger's streams are UUIDs")
        self.datastore.schema = "ledger"
        self._own_pool()
        self.dispatcher = Dispatcher(self.datastore)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @override
    def mapper(
        self,
        transcoder: persistence.Transcoder | None = None,
        mapper_class: type[persistence.Mapper[Any]] | None = None,
    ) -> persistence.Mapper[Any]:
        if self.keys is None:
            return super().mapper(transcoder, mapper_class)
        return mapper.SealingMapper(sealing.Sealer(self.keys))

    @override
    def application_recorder(self) -> persistence.ApplicationRecorder:
        made = recorder.LedgerRecorder(self.datastore, self.keys, self.dispatcher)
        if self.env_create_table():
            made.create_table()
        return made

    @override
    def process_recorder(self) -> persistence.ProcessRecorder:
        name = f"{self.env.name.lower() or 'notification'}_tracking"
        made = recorder.LedgerProcessRecorder(
            self.datastore, tracking_table_name=name, keys=self.keys, dispatcher=self.dispatcher
        )
        if self.env_create_table():
            made.create_table()
        return made

    @override
    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> Any:
        self._make_schema()
        return super().tracking_recorder(tracking_recorder_class)

    @override
    def aggregate_recorder(self, purpose: str = "events") -> persistence.AggregateRecorder:
        if self.keys is not None:
            raise OSError(f"no {purpose} beside the ledger: personal fields would stand there in clear")
        self._make_schema()
        return super().aggregate_recorder(purpose)

    @override
    def close(self) -> None:
        """Write what was accepted, then close every connection."""
        self.dispatcher.close()
        super().close()
        if self.keys is not None and self._opened_keys:
            self.keys.close()

    def _make_schema(self) -> None:
        if self.env_create_table():
            with self.datastore.get_connection() as connection:
                schema.make_ledger(connection)

    def _open(self) -> None:
        with self.datastore.get_connection() as connection:
            connecting.refuse_unsafe_durability(connection)
        conninfo = self.env.get("LEDGER_KEYS_CONNINFO")
        kms = self.env.get("LEDGER_KMS") or self.env.get("LEDGER_KEY_FOLDER")
        if bool(conninfo) != bool(kms):
            raise OSError("LEDGER_KEYS_CONNINFO goes together with LEDGER_KEY_FOLDER or LEDGER_KMS")
        if not conninfo or not kms:
            return
        if self.env_create_table():
            schema.make_key_store(conninfo)
            self._make_schema()
        self.keys = KeyStore.opened(self.env.get("LEDGER_KEYS_OPENED") or "")
        if self.keys is None:
            self.keys, self._opened_keys = KeyStore(conninfo, open_kms(kms)), True
        with self.datastore.get_connection() as connection:
            opening.bind_key_store(connection, self.keys)
            lineage.keep_lineage(connection)

    def _own_pool(self) -> None:
        """Give the datastore a pool that gives up soon and whose lost connections free their locks."""
        library_pool = self.datastore.pool
        given = cast(dict[str, Any], library_pool.kwargs)
        conninfo = self.env.get("LEDGER_CONNINFO") or make_conninfo(
            **{key: given[key] for key in recorder.ENDPOINT if given.get(key)}
        )
        self.datastore.pool = cast(
            Any,
            connecting.open_pool(
                conninfo,
                "ledger",
                min_size=library_pool.min_size,
                max_size=library_pool.max_size,
                row_factory=dict_row,
            ),
        )
        library_pool.close()
