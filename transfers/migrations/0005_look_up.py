"""The public look-up as one function: charge, compare, give back, and the line of the audit, in one transaction."""

from django.db import migrations

# The same work whether the number is known or not, and whether the tail is right or not but for what is given back.
# Buckets are always locked in this order (address, then case), so that no two look-ups wait for each other.
# `outcome`: limited (with `full`, the bucket that refused, and `wait` in seconds), mismatch or ok.
LOOK_UP = """
CREATE FUNCTION transfers_look_up(
    asked text, tail bytea, origin bytea, instant timestamptz, leaves_line boolean, wrong float8, rightly float8,
    address bytea, address_capacity float8, address_per_second float8,
    of_case bytea, case_capacity float8, case_per_second float8,
    OUT outcome text, OUT full_bucket text, OUT wait float8, OUT case_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
    granted boolean;
    matched boolean;
BEGIN
    SELECT t.granted, t.wait INTO granted, wait
        FROM accounts_take(address, address_capacity, address_per_second, wrong, instant) t;
    IF NOT granted THEN
        outcome := 'limited';
        full_bucket := 'address';
        RETURN;
    END IF;
    SELECT t.granted, t.wait INTO granted, wait FROM accounts_take(of_case, case_capacity, case_per_second, wrong, instant) t;
    IF NOT granted THEN
        outcome := 'limited';
        full_bucket := 'case';
        RETURN;
    END IF;
    SELECT c.id, p.tail_hash = tail INTO case_id, matched
        FROM transfers_transfercase c JOIN transfers_person p ON p.id = c.person_id
        WHERE c.number = asked AND c.state <> 'DRAFT';
    IF matched THEN
        PERFORM accounts_give_back(address, address_capacity, address_per_second, wrong - rightly);
        PERFORM accounts_give_back(of_case, case_capacity, case_per_second, wrong - rightly);
        outcome := 'ok';
    ELSE
        outcome := 'mismatch';
    END IF;
    IF leaves_line THEN
        INSERT INTO transfers_accessevent (at, kind, case_id, origin_hash, outcome, detail)
        VALUES (instant, 'lookup', case_id, origin, outcome, '');
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("transfers", "0004_undo_parts"), ("accounts", "0002_take_in_the_database")]

    operations = [
        migrations.RunSQL(
            LOOK_UP,
            "DROP FUNCTION transfers_look_up(text, bytea, bytea, timestamptz, boolean, float8, float8, "
            "bytea, float8, float8, bytea, float8, float8)",
        ),
    ]
