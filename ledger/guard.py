"""What keeps history as it is: triggers that refuse every change of it, also in a replica's session.

What was done under which command may be forgotten where a person is: by the one role that was granted to delete there,
and by no owner or superuser in passing.
"""

from __future__ import annotations

from typing import Final

DDL: Final = """
CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on ledger.% refused: what happened is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE OR REPLACE FUNCTION ledger.refuse_change_but_forgetting() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM pg_class c, aclexplode(c.relacl) AS granted
        WHERE c.oid = 'ledger.command'::regclass AND granted.privilege_type = 'DELETE'
            AND granted.grantee = current_user::regrole AND granted.grantee <> c.relowner
    ) THEN
        RETURN OLD;
    END IF;
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
            AND tgfoid = 'ledger.refuse_change_but_forgetting'::regproc
    ) THEN
        CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.command
            FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change_but_forgetting();
        ALTER TABLE ledger.command ENABLE ALWAYS TRIGGER append_only;
    END IF;
END
$$;
"""
"""``ledger.command`` is guarded row by row, so that its partitions are too; whole months of it end by retention."""
