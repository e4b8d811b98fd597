"""What keeps history as it is: triggers that refuse every change of it, also in a replica's session."""

from __future__ import annotations

from typing import Final

DDL: Final = """
CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on ledger.% refused: what happened is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['event', 'lineage'] LOOP
        IF NOT EXISTS (
            SELECT FROM pg_trigger
            WHERE tgrelid = ('ledger.' || guarded)::regclass AND tgname = 'append_only' AND tgenabled = 'A'
        ) THEN
            EXECUTE format('CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I '
                           'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', guarded);
            EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', guarded);
        END IF;
    END LOOP;
    IF NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = 'ledger.command'::regclass AND tgname = 'append_only' AND tgenabled = 'A'
    ) THEN
        CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.command
            FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
        ALTER TABLE ledger.command ENABLE ALWAYS TRIGGER append_only;
    END IF;
END
$$;
"""
"""``ledger.command`` is guarded row by row, so that its partitions are too; whole months of it end by retention."""
