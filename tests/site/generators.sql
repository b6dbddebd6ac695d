-- Generates the values of the sample site: people, published contacts, prose. Everything depends
-- only on the arguments.

CREATE SCHEMA sample;

CREATE FUNCTION sample.number(seed text, below integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('x' || left(md5(seed), 7))::bit(28)::integer % below $$;

CREATE FUNCTION sample.pick(seed text, VARIADIC choices text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT choices[1 + sample.number(seed, cardinality(choices))] $$;

-- A time in the six years before the backup was taken.
CREATE FUNCTION sample.moment(seed text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT timestamptz '2019-09-01 08:00:00+00'
          + make_interval(secs => sample.number(seed, 6 * 365 * 24 * 3600)) $$;

-- People, by number.

CREATE FUNCTION sample.first_name(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT sample.pick('first' || person, 'Poppy', 'Robin', 'Jasper', 'Olive', 'Hazel', 'Rowan',
                      'Amber', 'Basil', 'Ivy', 'Clement', 'Zoë', 'Siân', 'Aoife', 'Łukasz') $$;

CREATE FUNCTION sample.last_name(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT sample.pick('last' || person, 'Fletcher', 'Hartley', 'Ashdown', 'O''Marsh', 'Thorne',
                      'Whitcombe', 'Brook', 'Penhale', 'Larkin', 'Stott') || '-Canary' $$;

CREATE FUNCTION sample.full_name(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT sample.first_name(person) || ' ' || sample.last_name(person) $$;

CREATE FUNCTION sample.email(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN person % 7 = 0 THEN upper(address) ELSE address END
     FROM (SELECT sample.pick('local' || person, 'poppy.fletcher', 'r_hartley', 'jasper+council',
                              'o.ashdown', 'hazel', 'rowan-thorne', 'amber.b')
                  || person || '@canary.example') AS made (address) $$;

CREATE FUNCTION sample.telephone(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE person % 3 WHEN 0 THEN '07700 900' WHEN 1 THEN '+44 7700 900' ELSE '07700900' END
          || lpad((person % 1000)::text, 3, '0') $$;

CREATE FUNCTION sample.national_insurance(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE person % 2
          WHEN 0 THEN 'QQ ' || left(digits, 2) || ' ' || substr(digits, 3, 2) || ' '
                      || right(digits, 2) || ' ' || letter
          ELSE 'QQ' || digits || letter END
     FROM (SELECT lpad((person * 37 % 1000000)::text, 6, '0'),
                  sample.pick('nino' || person, 'A', 'B', 'C', 'D')) AS made (digits, letter) $$;

CREATE FUNCTION sample.postcode(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT 'HP99' || CASE WHEN person % 4 = 0 THEN '' ELSE ' ' END || person % 10
          || chr(65 + person / 10 % 2) || chr(65 + person / 20 % 2) $$;

-- A person's free text, always with personal data.
CREATE FUNCTION sample.personal_note(person integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE person % 4
          WHEN 0 THEN 'Please write to ' || sample.full_name(person) || ' at '
                      || sample.email(person) || ' about this.'
          WHEN 1 THEN sample.full_name(person) || ' rang twice, the number is '
                      || sample.telephone(person) || '.'
          WHEN 2 THEN 'The resident gave ' || sample.national_insurance(person)
                      || E' as the number.\nSee "C:\\claims" for ' || sample.full_name(person)
          ELSE sample.full_name(person) || ' of 4 Mill Lane, ' || sample.postcode(person)
               || ' (' || sample.email(person) || ') waits for an answer.' END $$;

-- A page's published contact.

CREATE FUNCTION sample.published_contact(page integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT 'Call 01632 960' || lpad((page % 1000)::text, 3, '0') || ' or write to team' || page
          || '@published.example, Walton Street, Aylesbury, HP20 1UA' $$;

-- Prose.

CREATE TABLE sample.sentence (id integer PRIMARY KEY, text text NOT NULL);
INSERT INTO sample.sentence
SELECT n, (SELECT upper(left(words, 1)) || substr(words, 2) || '.'
             FROM (SELECT string_agg(sample.pick(n || ' word ' || w, 'the', 'council', 'service',
                       'report', 'road', 'library', 'apply', 'for', 'a', 'permit', 'waste', 'and',
                       'recycling', 'school', 'housing', 'planning', 'your', 'bin', 'collection',
                       'day', 'is', 'changed', 'when', 'you', 'move', 'home', 'ask', 'us', 'before',
                       'work', 'begins', 'café', '£40', '50 %'), ' ') AS words
                     FROM generate_series(1, 8 + n % 7) w) AS made)
  FROM generate_series(0, 299) n;

CREATE FUNCTION sample.prose(seed text, sentences integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT string_agg(s.text, ' ' ORDER BY n)
     FROM generate_series(1, sentences) n
     JOIN sample.sentence s ON s.id = sample.number(seed || n, 300) $$;

-- The value of a StreamField: a list of blocks.
CREATE FUNCTION sample.stream(page integer, blocks integer, extra text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT jsonb_agg(jsonb_build_object(
              'id', md5('block' || page || '.' || n)::uuid,
              'type', CASE WHEN n % 4 = 1 THEN 'subheading' ELSE 'paragraph' END,
              'value', CASE WHEN n % 4 = 1 THEN sample.prose(page || 'heading' || n, 1)
                       ELSE '<p data-block-key="' || left(md5(page || 'key' || n), 5) || '">'
                            || sample.prose(page || 'body' || n, 3 + n % 3)
                            || CASE WHEN n = blocks THEN ' ' || extra ELSE '' END || '</p>' END)
              ORDER BY n)
     FROM generate_series(1, blocks) n $$;
