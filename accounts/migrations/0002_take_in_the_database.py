"""The arithmetic of the buckets as functions, so that a statement of another table can take from them as well.

The table is no longer written to the log of the database: see docs/adr/0022-look-up-in-one-statement.md.
"""

from django.db import migrations

# `b` is the row as the lock finds it, so of two takes at once the second sees what the first left. A clock that steps
# back neither drains nor refills. `wait` is in seconds: 0 when allowed.
TAKE = """
CREATE FUNCTION accounts_take(
    of_key bytea, capacity float8, per_second float8, cost float8, instant timestamptz, OUT granted boolean, OUT wait float8
) LANGUAGE plpgsql AS $$
DECLARE
    refill interval := make_interval(secs => 1 / per_second);
    level float8;
BEGIN
    INSERT INTO accounts_tokenbucket AS b (key_hash, tokens, allowed, updated_at, full_at)
    VALUES (of_key, capacity - cost, true, instant, instant + cost * refill)
    ON CONFLICT (key_hash) DO UPDATE SET (allowed, tokens, updated_at, full_at) = (
        SELECT enough, left_over, moment, moment + (capacity - left_over) * refill
        FROM (SELECT filled >= cost - 1e-9 AS enough,
                     CASE WHEN filled >= cost - 1e-9 THEN filled - cost ELSE filled END AS left_over,
                     moment
              FROM (SELECT greatest(b.updated_at, instant) AS moment,
                           least(capacity, b.tokens + per_second * extract(
                               EPOCH FROM greatest(b.updated_at, instant) - b.updated_at)::float8) AS filled) AS f) AS t)
    RETURNING b.allowed, b.tokens INTO granted, level;
    wait := CASE WHEN granted THEN 0 ELSE greatest(0, (cost - level) / per_second) END;
END $$;
"""

GIVE_BACK = """
CREATE FUNCTION accounts_give_back(
    of_key bytea, capacity float8, per_second float8, amount float8
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts_tokenbucket b SET
        tokens = least(capacity, b.tokens + amount),
        full_at = greatest(b.updated_at, b.full_at - amount * make_interval(secs => 1 / per_second))
    WHERE b.key_hash = of_key;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(
            TAKE, "DROP FUNCTION accounts_take(bytea, float8, float8, float8, timestamptz)"
        ),
        migrations.RunSQL(GIVE_BACK, "DROP FUNCTION accounts_give_back(bytea, float8, float8, float8)"),
        migrations.RunSQL(
            # Room on each page for the next state of its rows, which changes no index.
            "ALTER TABLE accounts_tokenbucket SET UNLOGGED, SET (fillfactor = 60)",
            "ALTER TABLE accounts_tokenbucket SET LOGGED, RESET (fillfactor)",
        ),
    ]
