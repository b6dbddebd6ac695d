//! Tests reading accounts from complete and damaged archives.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::stored::{StoredAccount, StoredError, read};
use crate::archive::tests::builder::{ArchiveBytes, entry, header, table_data};
use crate::archive::{ArchiveError, Compression, TocEntry};

const USERS: &str = "id, username, email, note";

fn table(id: i32, name: &str, columns: &str) -> TocEntry {
    TocEntry {
        copy_statement: Some(format!("COPY public.{name} ({columns}) FROM stdin;\n")),
        ..table_data(id, name)
    }
}

fn archive(entries: &[TocEntry]) -> ArchiveBytes {
    ArchiveBytes::start(&header(16, Compression::Gzip { level: Some(6) }), entries)
}

fn wanted(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn accounts(archive: &ArchiveBytes, names: &[&str]) -> Result<Vec<StoredAccount>, StoredError> {
    read(archive.bytes.as_slice(), &wanted(names), "users_user")
}

#[test]
fn tables_may_come_in_any_order() {
    let entries = [
        table(1, "wagtailusers_userprofile", "id, user_id, theme"),
        table(2, "users_user_user_permissions", "id, user_id, permission_id"),
        table(3, "users_user_groups", "id, user_id, group_id"),
        table(4, "users_user", USERS),
        table(5, "secrets", "a"),
        table(6, "django_content_type", "id, app_label, model"),
        table(7, "auth_permission", "id, name, content_type_id, codename"),
        table(8, "auth_group", "id, name"),
    ];
    let archive = archive(&entries)
        .table(1, b"1\t7\tdark\n2\t8\tlight\n")
        .table(2, b"1\t8\t71\n2\t7\t71\n")
        .table(3, b"1\t7\t3\n2\t7\t2\n3\t9\t2\n")
        .table(4, b"7\tann\tann\\\\x@example.org\t\\N\n8\tbob\t\ta\\tb\\nc\n9\tcleo\t\t\n")
        .table(5, b"x\n")
        .table(6, b"5\tblogs\tblogpage\n")
        .table(7, b"71\tCan add\t5\tadd_blogpage\n")
        .table(8, b"2\tEditors\n3\tA \\\\ B\n");
    let found = accounts(&archive, &["bob", "ann", "nobody"]).unwrap();
    let names: Vec<&str> = found.iter().map(StoredAccount::username).collect();
    assert_eq!(names, ["ann", "bob"]);
    let (ann, bob) = (&found[0], &found[1]);
    assert_eq!(ann.row.value("email"), Some("ann\\x@example.org"));
    assert_eq!(ann.row.find("note"), Some(None));
    assert_eq!(ann.groups, ["A \\ B", "Editors"]);
    assert_eq!(ann.permissions[0].to_string(), "blogs.add_blogpage (blogpage)");
    assert_eq!(ann.profile.as_ref().unwrap().value("theme"), Some("dark"));
    assert_eq!(bob.row.value("email"), Some(""));
    assert_eq!(bob.row.value("note"), Some("a\tb\nc"));
    assert!(bob.groups.is_empty());
}

#[test]
fn nothing_of_an_account_is_printed() {
    let archive = archive(&[table(1, "users_user", USERS)])
        .table(1, b"7\tann\tann@example.org\tpbkdf2_sha256$1$x$y\n");
    let found = accounts(&archive, &["ann"]).unwrap();
    assert_eq!(format!("{found:?}"), "[StoredAccount([secret])]");
    let row = format!("{:?}", found[0].row);
    assert!(row.contains("[secret]") && !row.contains("ann") && !row.contains("pbkdf2"), "{row}");
}

/// A source that fails when it is read beyond its end.
struct Cliff<'a>(&'a [u8]);

impl Read for Cliff<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("read too far"));
        }
        self.0.read(target)
    }
}

#[test]
fn nothing_is_read_after_the_last_table_that_matters() {
    let entries = [table(1, "users_user", USERS), table(2, "z_large", "a")];
    let archive = archive(&entries).table(1, b"7\tann\t\t\n");
    let source = Cliff(&archive.bytes);
    assert_eq!(read(source, &wanted(&["ann"]), "users_user").unwrap().len(), 1);
    // Nothing is read if no account is wanted.
    assert!(read(Cliff(&[]), &wanted(&[]), "users_user").unwrap().is_empty());
}

#[test]
fn a_truncated_backup_gives_no_accounts() {
    let entries =
        [table(1, "users_user", USERS), table(2, "users_user_groups", "id, user_id, group_id")];
    let whole = archive(&entries).table(1, b"7\tann\t\t\n").table(2, b"1\t7\t3\n");
    assert_eq!(accounts(&whole, &["ann"]).unwrap().len(), 1);
    for length in 0..whole.bytes.len() {
        let cut = &whole.bytes[..length];
        let outcome = read(cut, &wanted(&["ann"]), "users_user");
        assert!(matches!(outcome, Err(StoredError::Archive(_))), "{length}: {outcome:?}");
    }
}

#[test]
fn errors_name_tables_and_columns_without_values() {
    let users = || table(1, "users_user", USERS);
    let message = |archive: ArchiveBytes| accounts(&archive, &["ann"]).unwrap_err().to_string();
    assert_eq!(
        message(archive(&[users()]).table(1, b"7\tann\tx\n")),
        "the backup is damaged: a row of users_user has 3 columns instead of 4"
    );
    assert_eq!(
        message(archive(&[users()]).table(1, b"7\tann\t\xff\t\n")),
        "cannot read users_user.email: a value is not UTF-8"
    );
    assert_eq!(
        message(archive(&[table(1, "auth_user", USERS)]).table(1, b"7\tann\t\t\n")),
        "the backup has no rows of the table users_user"
    );
    assert_eq!(
        message(archive(&[table(1, "users_user", "id, email")]).table(1, b"7\tann\n")),
        "the backup has no column username in users_user"
    );
    let inserts = TocEntry { copy_statement: None, ..users() };
    let error = accounts(&archive(&[inserts]).raw_table(1, b""), &["ann"]).unwrap_err();
    assert!(matches!(error, StoredError::InsertStyle { .. } | StoredError::Archive(_)), "{error}");
}

#[test]
fn another_encoding_is_refused() {
    let encoding = TocEntry {
        definition: Some("SET client_encoding = 'LATIN1';\n".to_owned()),
        namespace: None,
        ..entry(9, "ENCODING", "ENCODING")
    };
    let archive = archive(&[encoding, table(1, "users_user", USERS)]).table(1, b"7\tann\t\t\n");
    let error = accounts(&archive, &["ann"]).unwrap_err();
    let StoredError::Archive(ArchiveError::UnsupportedEncoding { encoding }) = error else {
        panic!("{error}");
    };
    assert_eq!(encoding, "LATIN1");
}

#[test]
fn another_sites_users_table_has_another_link_column() {
    let entries = [
        table(1, "auth_group", "id, name"),
        table(2, "people_member", "id, username"),
        table(3, "people_member_groups", "id, member_id, group_id"),
    ];
    let archive = archive(&entries)
        .table(1, b"1\tEditors\n")
        .table(2, b"a-uuid\tann\n")
        .table(3, b"1\ta-uuid\t1\n2\tother\t1\n");
    let found = read(archive.bytes.as_slice(), &wanted(&["ann"]), "people_member").unwrap();
    assert_eq!(found[0].groups, ["Editors"]);
}
