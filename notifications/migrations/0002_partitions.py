"""The outbox by month of what its letters tell: docs/adr/0023-partitions-by-month.md.

The table as it is becomes the first partition of a new one, so nothing is copied; its keys are built anew. Going back
copies the letters of the months into that first one.
"""

import django.db.models.deletion
from django.db import migrations, models

NAMES = ("letter_pending", "letter_digest", "letter_leader", "letter_dead", "letter_subject", "letter_inbox", "letter_unread")
INDEXES = """
CREATE INDEX letter_pending ON notifications_letter (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX letter_digest ON notifications_letter (digest_key)
    WHERE leader_id IS NULL AND status = 'pending' AND NOT (digest_key = '');
CREATE INDEX letter_leader ON notifications_letter (leader_id) WHERE leader_id IS NOT NULL;
CREATE INDEX letter_dead ON notifications_letter (id) WHERE status = 'dead';
CREATE INDEX letter_subject ON notifications_letter (subject_ref, id) WHERE NOT (subject_ref = '');
CREATE INDEX letter_inbox ON notifications_letter (recipient_id, id DESC) WHERE channel = 'inbox';
CREATE INDEX letter_unread ON notifications_letter (recipient_id) WHERE channel = 'inbox' AND read_at IS NULL;
"""
# The column comes with 0 for every letter that is there, without writing them. Those of the last day whose keys name a
# day get the month that they would have now, so that nobody is told again what was told this morning.
PARTITIONED = f"""
ALTER TABLE notifications_letter ADD month integer NOT NULL DEFAULT 0 CHECK (month >= 0);
ALTER TABLE notifications_letter ALTER month DROP DEFAULT;
ALTER TABLE notifications_letter RENAME TO notifications_letter_before;
CREATE SEQUENCE notifications_ids;
SELECT setval('notifications_ids', last_value, is_called) FROM notifications_letter_id_seq;
ALTER TABLE notifications_letter_before ALTER id DROP IDENTITY;
ALTER TABLE notifications_letter_before DROP CONSTRAINT letter_once;
ALTER TABLE notifications_letter_before ADD CONSTRAINT letter_once_before UNIQUE (dedupe_key, month);
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT conname FROM pg_constraint
        WHERE conrelid = 'notifications_letter_before'::regclass AND contype = 'f' AND confrelid = conrelid
    LOOP
        EXECUTE format('ALTER TABLE notifications_letter_before DROP CONSTRAINT %I', one.conname);
    END LOOP;
END $$;
ALTER TABLE notifications_letter_before DROP CONSTRAINT notifications_letter_pkey;
ALTER TABLE notifications_letter_before ADD CONSTRAINT notifications_letter_before_pkey PRIMARY KEY (id, month);
{"".join(f"ALTER INDEX {name} RENAME TO {name}_before;" for name in NAMES)}
CREATE TABLE notifications_letter (LIKE notifications_letter_before INCLUDING CONSTRAINTS INCLUDING STORAGE)
    PARTITION BY RANGE (month);
ALTER SEQUENCE notifications_ids RENAME TO notifications_letter_id_seq;
ALTER SEQUENCE notifications_letter_id_seq OWNED BY notifications_letter.id;
ALTER TABLE notifications_letter ALTER id SET DEFAULT nextval('notifications_letter_id_seq');
ALTER TABLE notifications_letter ADD CONSTRAINT notifications_letter_pkey PRIMARY KEY (id, month);
ALTER TABLE notifications_letter ADD CONSTRAINT letter_once UNIQUE (dedupe_key, month);
{INDEXES}
DO $$
DECLARE
    month date := date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai');
    one record;
BEGIN
    FOR one IN SELECT conname, pg_get_constraintdef(oid) AS told FROM pg_constraint
        WHERE conrelid = 'notifications_letter_before'::regclass AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE notifications_letter ADD CONSTRAINT %I %s', one.conname, one.told);
    END LOOP;
    EXECUTE format(
        'ALTER TABLE notifications_letter ATTACH PARTITION notifications_letter_before FOR VALUES FROM (MINVALUE) TO (%s)',
        to_char(month, 'YYYYMM'));
    CREATE TABLE notifications_letter_rest PARTITION OF notifications_letter DEFAULT;
    FOR n IN 0..3 LOOP
        EXECUTE format('CREATE TABLE notifications_letter_%s PARTITION OF notifications_letter FOR VALUES FROM (%s) TO (%s)',
            to_char(month, 'YYYYMM'), to_char(month, 'YYYYMM'), to_char(month + interval '1 month', 'YYYYMM'));
        month := month + interval '1 month';
    END LOOP;
END $$;
UPDATE notifications_letter SET month = to_char(created_at AT TIME ZONE 'Asia/Shanghai', 'YYYYMM')::integer
WHERE month = 0 AND dedupe_key ~ '^(morning|invariants|horizon|unmatched):'
    AND created_at >= date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'
    AND created_at >= now() - interval '1 day';
"""  # nosec B608 - names of our own
WHOLE = f"""
SET CONSTRAINTS ALL IMMEDIATE;
CREATE SEQUENCE notifications_ids;
SELECT setval('notifications_ids', last_value, is_called) FROM notifications_letter_id_seq;
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'notifications_letter'::regclass LOOP
        EXECUTE format('ALTER TABLE notifications_letter DETACH PARTITION %s', name);
        IF name <> 'notifications_letter_before' THEN
            EXECUTE format('INSERT INTO notifications_letter_before SELECT * FROM %s', name);
            EXECUTE format('DROP TABLE %s', name);
        END IF;
    END LOOP;
END $$;
DROP TABLE notifications_letter;
ALTER TABLE notifications_letter_before RENAME TO notifications_letter;
ALTER TABLE notifications_letter DROP CONSTRAINT letter_once_before;
ALTER TABLE notifications_letter DROP CONSTRAINT notifications_letter_before_pkey;
ALTER TABLE notifications_letter DROP month;
ALTER TABLE notifications_letter ADD CONSTRAINT notifications_letter_pkey PRIMARY KEY (id);
ALTER TABLE notifications_letter ADD CONSTRAINT letter_once UNIQUE (dedupe_key);
{"".join(f"ALTER INDEX {name}_before RENAME TO {name};" for name in NAMES)}
ALTER TABLE notifications_letter ALTER id ADD GENERATED BY DEFAULT AS IDENTITY;
SELECT setval('notifications_letter_id_seq', last_value, is_called) FROM notifications_ids;
DROP SEQUENCE notifications_ids;
ALTER TABLE notifications_letter ADD CONSTRAINT notifications_letter_leader_id_187b25cc_fk_notificat
    FOREIGN KEY (leader_id) REFERENCES notifications_letter (id) DEFERRABLE INITIALLY DEFERRED;
"""  # nosec B608 - names of our own


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(PARTITIONED, WHOLE)],
            state_operations=[
                migrations.RemoveConstraint(model_name='letter', name='letter_once'),
                migrations.AddField(
                    model_name='letter',
                    name='month',
                    field=models.PositiveIntegerField(default=0, verbose_name='Month'),
                    preserve_default=False,
                ),
                migrations.AlterField(
                    model_name='letter',
                    name='leader',
                    field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='followers', to='notifications.letter', verbose_name='Sent with'),
                ),
                migrations.AddConstraint(
                    model_name='letter',
                    constraint=models.UniqueConstraint(fields=('dedupe_key', 'month'), name='letter_once'),
                ),
            ],
        ),
    ]
