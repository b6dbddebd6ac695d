//! Tests `bcops scrub-pii` on databases with every feature. Each result must equal a pull of its
//! backup, with an unchanged schema, and a second run must change nothing.

use crate::pull_data::world::World;
use crate::scrub_pii::world::{local_with, rows, schema, scrub, versions};
use crate::support::site;

/// Scrubs a database of this kind in both ways, and returns the one scrubbed in place.
#[track_caller]
fn scrubbed(sql: &str, manifest: &str) -> World {
    let world = local_with(sql, manifest);
    let before = schema(world.cluster, &world.target);
    let archive = world.bcops.directory().join("work/whole.dump");
    site::back_up(world.cluster, &world.target, &archive).expect("a backup");

    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(schema(world.cluster, &world.target), before);
    let versions_before = versions(world.cluster, &world.target);
    let again = scrub(&world, &["--yes", "--json"]).exits(0).json();
    for what in ["deleted", "set", "edited"] {
        assert_eq!(again["result"][what], 0, "{again}");
    }
    assert_eq!(versions(world.cluster, &world.target), versions_before);
    assert_eq!(schema(world.cluster, &world.target), before);
    scrub(&world, &["--check"]).exits(0);

    let pulled = format!("{}_pulled", world.target);
    let arguments = ["pull-data", "--file", "whole.dump", "--yes", "--target", &pulled];
    world.bcops.run(&arguments).exits(0);
    assert_eq!(
        rows(world.cluster, &world.target),
        rows(world.cluster, &pulled),
        "scrubbed in place, and on the way"
    );
    world
}

/// A personal table whose column `name` is set, plus further rules.
fn person(rest: &str) -> String {
    format!(
        "[tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n\
         [tables.person.policy.any]\nset = {{ name = \"user.{{id}}\" }}\n{rest}"
    )
}

const PERSON: &str = "CREATE TABLE person (id int PRIMARY KEY, name text); \
     INSERT INTO person VALUES (1, 'Ann Canary'), (2, 'Bob Canary'), (3, NULL);";

/// A table whose rows are all deleted.
fn deleted(table: &str, personal: &str) -> String {
    format!(
        "[tables.{table}]\nclass = \"personal\"\npersonal = [{personal}]\n\
         operational = [\"id\", \"parent_id\", \"late_id\", \"event_id\", \"day\"]\n\
         [tables.{table}.policy.any]\ndelete = true\n"
    )
}

#[test]
fn names_that_are_hard_to_quote() {
    let names = [
        "a\"b",
        "x'y; DROP TABLE users_user; --",
        "with some spaces",
        "UpperCase",
        "größe_名前_🙂",
        &"n".repeat(63),
        "$$dollar$$",
        "back\\slash",
        "percent%s",
        "new\nline",
        "tab\there",
        "select",
        "t",
        "t1",
        "u",
    ];
    let (mut sql, mut manifest) = (
        String::from("CREATE TABLE users_user (id int PRIMARY KEY);"),
        String::from("[tables.users_user]\nclass = \"operational\"\n"),
    );
    for name in names {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let key = serde_json::to_string(name).expect("a string");
        sql.push_str(&format!(
            "CREATE TABLE {quoted} (id int PRIMARY KEY, {quoted} varchar(90), j jsonb, number int UNIQUE);\n\
             INSERT INTO {quoted} VALUES (1, 'Ann Canary', '{{\"a\": \"a@canary.example\"}}', 1), \
               (2, 'Bob Canary', '{{}}', 2), (3, NULL, NULL, 3);\n"
        ));
        // A table in `public` is named without a dot, and none of these names has one.
        manifest.push_str(&format!(
            "[tables.{key}]\nclass = \"personal\"\npersonal = [{key}, \"j\"]\n\
             operational = [\"id\", \"number\"]\n\
             [tables.{key}.policy.any]\nset = {{ {key} = \"it's {{id}}\" }}\n\
             remove_members = {{ j = [\"a\"] }}\nkeep_members = {{ j = [\"b\"] }}\n\
             keep_where = [{{ column = \"id\", one_of = [1, 3] }}]\n"
        ));
    }
    let world = scrubbed(&sql, &manifest);
    for name in names {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let read = format!("SELECT id, {quoted}, j FROM {quoted} ORDER BY id");
        assert_eq!(world.psql(&read), "1|it's 1|{}\n3||", "{name}");
    }
    assert_eq!(world.psql("SELECT count(*) FROM users_user"), "0");
}

#[test]
fn values_that_are_hard_to_quote() {
    let values = [
        "it's",
        "\"double\"",
        "back\\slash \\' \\\\",
        "$$ $body$",
        "'; DROP TABLE person; --",
        "\\N",
        "\\.",
        "tab\tnew\nline\rreturn\u{1}\u{7f}\u{8}",
        "E'\\x41'",
        "{{braces}}",
        "percent % %s $1 ?",
        "größe 名前 🙂",
        " ",
    ];
    let (mut sql, mut manifest) = (String::new(), String::new());
    for (number, value) in values.iter().enumerate() {
        let toml = serde_json::to_string(value).expect("a string").replace("\u{7f}", "\\u007F");
        let plain = value.replace("{{", "{").replace("}}", "}");
        let literal = format!("E'{}'", plain.replace('\\', "\\\\").replace('\'', "\\'"));
        let member = serde_json::to_string(&plain).expect("a string");
        let member_literal = member.replace('\\', "\\\\").replace('\'', "\\'");
        sql.push_str(&format!(
            "CREATE TABLE v{number} (id int PRIMARY KEY, kind text, name text, j jsonb);\n\
             INSERT INTO v{number} VALUES (1, {literal}, 'Ann Canary', E'{{{member_literal}: 1, \"z\": 2}}'), \
             (2, 'other', 'Bob Canary', NULL), (3, NULL, 'Eve Canary', NULL);\n"
        ));
        let condition =
            serde_json::to_string(&plain).expect("a string").replace("\u{7f}", "\\u007F");
        let steps = if plain.contains('.') { "\"z\"".to_owned() } else { condition.clone() };
        manifest.push_str(&format!(
            "[tables.v{number}]\nclass = \"personal\"\npersonal = [\"name\", \"j\"]\noperational = [\"id\", \"kind\"]\n\
             [tables.v{number}.policy.any]\nset = {{ name = {toml} }}\nremove_members = {{ j = [{steps}] }}\nkeep_members = {{ j = [\"z\"] }}\n\
             keep_where = [{{ column = \"kind\", equals = {condition} }}]\n"
        ));
    }
    let world = scrubbed(&sql, &manifest);
    for (number, value) in values.iter().enumerate() {
        let read = format!(
            "SELECT count(*), count(*) FILTER (WHERE name = kind), \
             count(*) FILTER (WHERE j::text IN ('{{\"z\": 2}}') OR kind = E'\\\\.') FROM v{number}"
        );
        assert_eq!(world.psql(&read), "1|1|1", "{value:?}");
    }
    // The same under the setting of old servers, in which a backslash escapes everywhere.
    let old = format!(
        "{sql} DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
                       standard_conforming_strings = off', current_database()); END $do$;"
    );
    let world = local_with(&old, &manifest);
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM v2"), "1");
}

#[test]
fn foreign_keys_that_act_at_once() {
    let sql = format!(
        "{PERSON} CREATE TABLE sent (id int PRIMARY KEY, name text, person_id int \
           REFERENCES person ON DELETE CASCADE); \
         CREATE TABLE part (id int PRIMARY KEY, body text, sent_id int REFERENCES sent ON DELETE RESTRICT); \
         CREATE TABLE log (id int PRIMARY KEY, sent_id int CONSTRAINT \"log's key\" REFERENCES sent ON DELETE SET NULL \
           ON UPDATE CASCADE, late_id int REFERENCES sent DEFERRABLE INITIALLY DEFERRED); \
         CREATE TABLE tree (id int PRIMARY KEY, name text, parent_id int REFERENCES tree ON DELETE CASCADE, \
           late_id int REFERENCES tree DEFERRABLE INITIALLY DEFERRED); \
         ALTER TABLE log ADD CONSTRAINT unchecked FOREIGN KEY (sent_id) REFERENCES sent NOT VALID; \
         COMMENT ON CONSTRAINT \"log's key\" ON log IS 'why it''s here \\ so'; \
         CREATE TABLE note (id int PRIMARY KEY, part_id int REFERENCES part DEFERRABLE INITIALLY DEFERRED); \
         INSERT INTO sent VALUES (1, 'keep', 1), (2, 'Ann Canary', 2), (3, 'Bob Canary', 1); \
         INSERT INTO part VALUES (1, 'Eve Canary', 1), (2, 'Eve Canary', 2), (3, 'x', NULL); \
         INSERT INTO note VALUES (1, 1), (2, 2), (3, 3); \
         INSERT INTO log VALUES (1, 1, 1), (2, 2, 2), (3, NULL, NULL), (4, 3, 3); \
         INSERT INTO tree VALUES (1, 'Ann Canary', NULL, 2), (2, 'Bob Canary', 1, 1);"
    );
    let manifest = person(&format!(
        "[tables.sent]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\", \"person_id\"]\n[tables.sent.policy.any]\n\
         keep_where = [{{ column = \"name\", equals = \"keep\" }}]\nreason = \"theirs\"\n\
         [tables.part]\nclass = \"personal\"\npersonal = [\"body\"]\noperational = [\"id\", \"sent_id\"]\n[tables.part.policy.any]\n\
         keep_where = [{{ column = \"sent_id\", in = \"sent.id\" }}]\nset = {{ body = \"\" }}\n\
         [tables.note]\nclass = \"personal\"\noperational = [\"id\", \"part_id\"]\n[tables.note.policy.any]\n\
         null_unless = {{ part_id = {{ in = \"part.id\" }} }}\n\
         [tables.log]\nclass = \"personal\"\noperational = [\"id\", \"sent_id\", \"late_id\"]\n[tables.log.policy.any]\n\
         null_unless = {{ sent_id = {{ in = \"sent.id\" }}, late_id = {{ in = \"sent.id\" }} }}\n{}",
        deleted("tree", "\"name\"")
    ));
    let world = scrubbed(&sql, &manifest);
    assert_eq!(
        world.psql("SELECT id, sent_id, late_id FROM log ORDER BY 1"),
        "1|1|1\n2||\n3||\n4||"
    );
    assert_eq!(world.psql("SELECT id FROM sent"), "1");
    assert_eq!(world.psql("SELECT id FROM part"), "1");
}

#[test]
fn triggers_and_rules_of_the_database() {
    let sql = format!(
        "{PERSON} CREATE TABLE sent (id int PRIMARY KEY, name text); \
         INSERT INTO sent VALUES (1, 'Ann Canary'), (2, 'keep'); \
         CREATE TABLE emptied (id int PRIMARY KEY, name text); INSERT INTO emptied VALUES (1, 'Ann Canary'); \
         CREATE TABLE history (id serial PRIMARY KEY, old text); \
         CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS \
           'BEGIN INSERT INTO public.history (old) VALUES (to_json(OLD)::text); RETURN NEW; END'; \
         CREATE FUNCTION block() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
           'BEGIN RAISE EXCEPTION ''no''; END'; \
         CREATE TRIGGER remember BEFORE UPDATE OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION remember(); \
         CREATE TRIGGER \"always it's\" BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION block(); \
         ALTER TABLE person ENABLE ALWAYS TRIGGER \"always it's\"; \
         CREATE TRIGGER replica BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION block(); \
         ALTER TABLE person ENABLE REPLICA TRIGGER replica; \
         CREATE TRIGGER off BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION block(); \
         ALTER TABLE person DISABLE TRIGGER off; \
         CREATE TRIGGER block BEFORE DELETE ON sent FOR EACH ROW EXECUTE FUNCTION block(); \
         CREATE CONSTRAINT TRIGGER late AFTER DELETE ON sent DEFERRABLE INITIALLY DEFERRED \
           FOR EACH ROW EXECUTE FUNCTION refuse(); \
         CREATE TRIGGER no_truncate BEFORE TRUNCATE ON emptied EXECUTE FUNCTION refuse(); \
         CREATE RULE stay AS ON DELETE TO sent DO INSTEAD NOTHING; \
         CREATE RULE unchanged AS ON UPDATE TO person DO INSTEAD NOTHING; \
         CREATE RULE off AS ON UPDATE TO sent DO INSTEAD NOTHING; ALTER TABLE sent DISABLE RULE off;"
    );
    let manifest = person(&format!(
        "[tables.sent]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\", \"person_id\"]\n[tables.sent.policy.any]\n\
         keep_where = [{{ column = \"name\", equals = \"keep\" }}]\nreason = \"theirs\"\n{}{}",
        deleted("history", "\"old\""),
        deleted("emptied", "\"name\"")
    ));
    let world = scrubbed(&sql, &manifest);
    assert_eq!(world.psql("SELECT count(*) FROM history"), "0");
    assert_eq!(world.psql("SELECT count(*) FROM emptied"), "0");
    let modes = "SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger \
                 WHERE NOT tgisinternal AND tgrelid = 'person'::regclass";
    assert_eq!(world.psql(modes), "always it'sA offD rememberO replicaR");
}

#[test]
fn partitions_and_inheritance() {
    let sql = "CREATE TABLE event (id int, day date, name text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); \
         CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (day); \
         CREATE TABLE event_2025_a PARTITION OF event_2025 FOR VALUES IN ('2025-01-01'); \
         CREATE TABLE event_2025_rest PARTITION OF event_2025 DEFAULT; \
         CREATE TABLE event_2026 PARTITION OF event DEFAULT; \
         INSERT INTO event VALUES (1, '2025-01-01', 'Ann Canary'), (2, '2025-05-01', 'Bob Canary'), (3, '2026-01-01', 'Eve Canary'); \
         CREATE TABLE mark (id int PRIMARY KEY, event_id int, day date, name text, \
           FOREIGN KEY (event_id, day) REFERENCES event ON DELETE CASCADE); \
         INSERT INTO mark VALUES (1, 1, '2025-01-01', 'Ann Canary'), (2, 3, '2026-01-01', 'x'); \
         CREATE TABLE gone (id int, name text) PARTITION BY HASH (id); \
         CREATE TABLE gone_0 PARTITION OF gone FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
         CREATE TABLE gone_1 PARTITION OF gone FOR VALUES WITH (MODULUS 2, REMAINDER 1); \
         INSERT INTO gone SELECT n, 'Ann Canary' FROM generate_series(1, 20) n; \
         CREATE TABLE kept (id int PRIMARY KEY, gone_id int); INSERT INTO kept VALUES (1, 1); \
         CREATE TABLE base (id int PRIMARY KEY, name text); CREATE TABLE child (extra text) INHERITS (base); \
         INSERT INTO base VALUES (1, 'Ann Canary'); INSERT INTO child VALUES (2, 'Bob Canary', 'x'); \
         CREATE FUNCTION block() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER block BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION block(); \
         CREATE TRIGGER block BEFORE DELETE ON gone FOR EACH ROW EXECUTE FUNCTION block();";
    let manifest = format!(
        "[tables.event]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\", \"day\"]\n[tables.event.policy.any]\n\
         set = {{ name = \"event {{id}}\" }}\nkeep_where = [{{ column = \"id\", one_of = [1, 2] }}]\n\
         [tables.base]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n[tables.base.policy.any]\n\
         set = {{ name = \"base {{id}}\" }}\n\
         [tables.child]\nclass = \"personal\"\npersonal = [\"name\", \"extra\"]\noperational = [\"id\"]\n[tables.child.policy.any]\n\
         set = {{ name = \"child {{id}}\", extra = \"\" }}\n\
         [tables.kept]\nclass = \"operational\"\n{}{}",
        deleted("gone", "\"name\""),
        deleted("mark", "\"name\"")
    );
    let world = scrubbed(sql, &manifest);
    assert_eq!(world.psql("SELECT id, name FROM event ORDER BY 1"), "1|event 1\n2|event 2");
    assert_eq!(world.psql("SELECT id, name FROM base ORDER BY 1"), "1|base 1\n2|child 2");
    assert_eq!(world.psql("SELECT count(*) FROM gone"), "0");
}

#[test]
fn unique_keys_that_are_checked_at_once() {
    let sql = "CREATE TABLE person (id int PRIMARY KEY, name varchar(16) UNIQUE, mail text, login text); \
         CREATE UNIQUE INDEX by_mail ON person (mail, name); \
         CREATE UNIQUE INDEX lower_login ON person (lower(login)); \
         CREATE UNIQUE INDEX some_mail ON person (mail) WHERE id > 0; \
         INSERT INTO person VALUES (1, 'user.2', 'user.3@x.invalid', 'USER.2'), \
           (2, 'user.3', 'user.1@x.invalid', 'user.1'), (3, 'user.1', 'user.2@x.invalid', 'User.3'), \
           (4, NULL, NULL, NULL), (5, 'user.5', 'user.5@x.invalid', 'user.5'); \
         CREATE TABLE insensitive (id int PRIMARY KEY, name text COLLATE \"C\"); \
         CREATE COLLATION ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE loose (id int PRIMARY KEY, name text COLLATE ignoring UNIQUE, kind text COLLATE ignoring); \
         INSERT INTO loose VALUES (1, 'USER.2', 'keep'), (2, 'USER.1', 'keep'), (3, 'Eve Canary', 'KEEP');";
    let manifest = "[tables.person]\nclass = \"personal\"\npersonal = [\"name\", \"mail\", \"login\"]\noperational = [\"id\"]\n\
         [tables.person.policy.any]\nset = { name = \"user.{id}\", mail = \"user.{id}@x.invalid\", login = \"user.{id}\" }\n\
         [audit.allow]\nemail = [\"*@x.invalid\"]\n\
         [tables.insensitive]\nclass = \"operational\"\noperational = [\"name\"]\n\
         [tables.loose]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\", \"kind\"]\n\
         [tables.loose.policy.any]\nset = { name = \"user.{id}\" }\n\
         keep_where = [{ column = \"kind\", equals = \"keep\" }]\n";
    let world = scrubbed(sql, manifest);
    assert_eq!(world.psql("SELECT id, name FROM loose ORDER BY 1"), "1|user.1\n2|user.2");
    assert_eq!(world.psql("SELECT count(DISTINCT login) FROM person"), "4");
}

#[test]
fn types_of_text() {
    let sql = "CREATE EXTENSION citext; CREATE DOMAIN address AS text CHECK (VALUE <> ''); \
         CREATE TABLE person (id int PRIMARY KEY, fixed char(20), loose citext, mail address, words text[], \
           vector tsvector, doc json, docb jsonb, short varchar(30), flag boolean, key uuid, big bigint, \
           made text GENERATED ALWAYS AS (upper(short)) STORED, \
           code char(4), dropped text); \
         INSERT INTO person VALUES \
          (1, 'Ann Canary', 'Ann Canary', 'ann@canary.example', '{Ann,Canary}', 'ann canary', '{\"a\" :  1}', \
           '{\"mail\": \"ann@canary.example\", \"n\": 1.50, \"z\": [\"07700 900123\"]}', 'at ann@canary.example ok', true, \
           '6f9619ff-8b86-d011-b42d-00c04fc964ff', 9223372036854775807, DEFAULT, 'ab', 'Ann'), \
          (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT, NULL, NULL); \
         ALTER TABLE person DROP COLUMN dropped; ALTER TABLE person ADD COLUMN later text DEFAULT 'Ann Canary'; \
         CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; \
         CREATE UNLOGGED TABLE fleeting (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text); \
         INSERT INTO fleeting (name) VALUES ('Ann Canary'), ('Bob Canary'); \
         CREATE MATERIALIZED VIEW names AS SELECT short FROM person; \
         CREATE MATERIALIZED VIEW upper_names AS SELECT upper(short) AS short FROM names; \
         CREATE MATERIALIZED VIEW never AS SELECT short FROM person WITH NO DATA;";
    let manifest = "[tables.person]\nclass = \"personal\"\n\
         personal = [\"fixed\", \"loose\", \"mail\", \"words\", \"vector\", \"doc\", \"docb\", \"short\", \"code\", \"later\"]\n\
         operational = [\"id\", \"flag\", \"key\", \"big\"]\n\
         [tables.person.policy.any]\nnull = [\"mail\", \"later\"]\n\
         set = { fixed = \"user {id}\", loose = \"user {id}\", words = \"{{}}\", vector = \"\", doc = \"{{}}\", code = \"x\" }\n\
         remove_members = { docb = [\"mail\"] }\nkeep_members = { docb = [\"n\", \"z.*\"] }\nredact = { docb = [\"phone\"], short = [\"email\"] }\n\
         [tables.bare]\nclass = \"operational\"\n\
         [tables.fleeting]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n[tables.fleeting.policy.any]\n\
         set = { name = \"user {id}\" }\n";
    let world = scrubbed(sql, manifest);
    assert_eq!(world.psql("SELECT count(*) FROM upper_names WHERE short ~* 'canary'"), "0");
    assert_eq!(world.psql("SELECT count(*) FROM upper_names WHERE short IS NOT NULL"), "1");
    assert_eq!(world.psql("SELECT relispopulated FROM pg_class WHERE relname = 'never'"), "f");
    assert_eq!(world.psql("SELECT made ~ 'ANN' FROM person WHERE id = 1"), "f");
    assert_eq!(world.psql("SELECT count(*) FROM bare"), "1");
    assert_eq!(world.psql("SELECT last_value FROM fleeting_id_seq"), "2");
}

#[test]
fn large_objects_are_deleted_if_the_manifest_says_so() {
    let sql = format!("{PERSON} SELECT lo_from_bytea(70001, 'Ann Canary');");
    let world = local_with(&sql, &person(""));
    scrub(&world, &["--yes"]).fails(9, &["large objects", "large_objects = \"delete\""]);
    let world = scrubbed(&sql, &format!("large_objects = \"delete\"\n{}", person("")));
    assert_eq!(world.psql("SELECT count(*) FROM pg_largeobject_metadata"), "0");
    let world = scrubbed(&sql, &format!("large_objects = \"content\"\n{}", person("")));
    assert_eq!(world.psql("SELECT count(*) FROM pg_largeobject_metadata"), "1");
}

#[test]
fn rows_that_a_policy_hides_do_not_count_as_absent() {
    let sql = format!(
        "{PERSON} ALTER TABLE person ENABLE ROW LEVEL SECURITY; ALTER TABLE person FORCE ROW LEVEL SECURITY; \
         CREATE POLICY part ON person USING (id = 1);"
    );
    let mut world = local_with(&sql, &person(""));
    let role = format!("owner_of_{}", world.target);
    world.psql(&format!("CREATE ROLE {role} LOGIN CREATEDB; ALTER TABLE person OWNER TO {role}"));
    let url = world.cluster.url(&world.target);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url.replace("postgres@", &format!("{role}@")));
    let before = versions(world.cluster, &world.target);
    for arguments in [&["--yes"][..], &["--check"]] {
        scrub(&world, arguments).fails(1, &["person", "row-level security"]);
    }
    assert_eq!(versions(world.cluster, &world.target), before);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    scrub(&world, &["--yes"]).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM person WHERE name ~ 'Canary'"), "0");
    world.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn bytes_that_are_not_text() {
    let world = local_with("", &person("[audit.allow]\nemail = [\"*@x.invalid\"]\n"));
    let name = format!("{}_ascii", world.target);
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'");
    world.cluster.psql("postgres", &create);
    let sql = "SET client_encoding = 'SQL_ASCII'; CREATE TABLE person (id int PRIMARY KEY, name text); \
               INSERT INTO person VALUES (1, E'caf\\xe9 ann@canary.example')";
    world.cluster.psql(&name, sql);
    let redact = "[tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n\
                  [tables.person.policy.any]\nredact = { name = [\"email\"] }\n";
    crate::scrub_pii::world::set_manifest(&world, redact);
    // The server itself does not return them as text.
    scrub(&world, &["--yes", "--target", &name]).fails(1, &["invalid byte sequence"]);
    let left = "SELECT encode(convert_to(name, 'SQL_ASCII'), 'hex') LIKE '636166e9%' FROM person";
    assert_eq!(world.cluster.psql(&name, left), "t");
}
