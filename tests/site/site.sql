-- The sample site: a council's Wagtail site in its production state, made up from nothing.
-- usage: createdb NAME; psql -X --single-transaction -d NAME -f site.sql
--
-- Everything is derived from row numbers, so two runs give the same database. Personal data has
-- marks that are recognizable everywhere: surnames that end in -Canary, addresses at
-- canary.example, telephone numbers 07700 900nnn, National Insurance numbers that begin with QQ,
-- postcodes in HP99, secrets that hold the word canary. Published contact data, which a scrub
-- keeps, uses published.example and 01632 960nnn. canaries.sql lists every personal value.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
-- Compiling these queries takes longer than running them.
SET jit = off;

\ir tables.sql
\ir generators.sql
\ir accounts.sql
\ir pages.sql
\ir history.sql
\ir public.sql
\ir keys.sql

DROP SCHEMA sample CASCADE;

-- The rows have explicit ids, so each sequence must continue after them.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.oid::regclass AS name, a.attname AS column_name,
               pg_get_serial_sequence(t.oid::regclass::text, a.attname) AS sequence
          FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
         WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
           AND NOT a.attisdropped
           AND pg_get_serial_sequence(t.oid::regclass::text, a.attname) IS NOT NULL
    LOOP
        EXECUTE format('SELECT setval(%L, coalesce(max(%I), 0) + 1, false) FROM %s',
                       found.sequence, found.column_name, found.name);
    END LOOP;
END $$;
