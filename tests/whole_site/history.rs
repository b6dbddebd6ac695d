//! Writes the history of the site's code: master, staging, and branches of every kind that a reset
//! of staging must handle.

use std::collections::BTreeMap;

use bcops::adapters::git::Oid;

use crate::support::git::{Files, START, World, files};

/// Merged to staging and not to master, without problems.
pub const FOOTER: &str = "feature/footer";
/// The same, with a migration of its own.
pub const SEARCH_PAGE: &str = "feature/search-page";
/// The same, unchanged for more than half a year.
pub const OLD_MAP: &str = "feature/old-map";
/// Changes a line that master later changed in another way.
pub const CLASH: &str = "feature/clashing-header";
/// Adds a migration with the same predecessor as one on master: two leaf nodes.
pub const SECOND_LEAF: &str = "feature/longer-issue";
/// On staging and on master, each by its own merge commit.
pub const ALREADY_MERGED: &str = "feature/opening-hours";
/// On neither.
pub const NOT_ON_STAGING: &str = "feature/not-on-staging";

const MANAGE: &str = "#!/usr/bin/env python\nimport os\nimport sys\n\n\
    if __name__ == \"__main__\":\n    os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"bc.settings\")\n    \
    from django.core.management import execute_from_command_line\n\n    \
    execute_from_command_line(sys.argv)\n";
const PROCFILE: &str = "web: gunicorn bc.wsgi\n\
    release: python manage.py createcachetable && python manage.py migrate --noinput\n";

/// The names in the code of a site.
#[derive(Debug, Clone)]
pub struct Names {
    /// The branch that production is, and the one that staging is.
    pub main: String,
    pub staging: String,
    /// The Python package.
    pub package: String,
    /// The apps whose migrations are in the tree.
    pub apps: Vec<String>,
}

/// Migrations that are newer than the sample's database, each app and name.
#[derive(Debug, Clone)]
pub struct NewMigrations {
    /// On master, deployed to production.
    pub master: (String, String),
    /// On the branch with the second leaf.
    pub second_leaf: (String, String),
    /// Of the feature that has no problem.
    pub search_page: (String, String),
    /// Only on staging, where a person has merged the two leaves.
    pub merge: (String, String),
    /// The last of the first app before these, and of the second.
    first_before: String,
    second_before: String,
}

impl NewMigrations {
    /// Those that come after these, which are sorted, of the first two apps.
    pub fn after(migrations: &[(String, String)], apps: &[String]) -> NewMigrations {
        let last = |app: &str| {
            let found = migrations.iter().rev().find(|(one, _)| one == app);
            found.map(|(_, name)| name.clone()).expect("migrations of the app")
        };
        let number = |name: &str| name[..4].parse::<u32>().expect("a number");
        let named =
            |app: &str, number: u32, name: &str| (app.to_owned(), format!("{number:04}_{name}"));
        let (one, other) = (apps[0].as_str(), apps[1].as_str());
        let (first, second) = (last(one), last(other));
        let next = number(&first) + 1;
        NewMigrations {
            master: named(one, next, "longer_action"),
            second_leaf: named(one, next, "longer_issue"),
            merge: named(one, next + 1, "merge"),
            search_page: named(other, number(&second) + 1, "search_page"),
            first_before: first,
            second_before: second,
        }
    }
}

/// Below the package.
fn path(app: &str, name: &str) -> String {
    format!("bc/{app}/migrations/{name}.py")
}

fn migration(app: &str, dependencies: &[&str]) -> String {
    let pairs: String =
        dependencies.iter().map(|name| format!("        (\"{app}\", \"{name}\"),\n")).collect();
    format!(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    \
         dependencies = [\n{pairs}    ]\n\n    operations = []\n"
    )
}

/// A migration as a change of the tree.
fn adds((app, name): &(String, String), dependencies: &[&str]) -> (String, String) {
    (path(app, name), migration(app, dependencies))
}

fn first_tree(migrations: &[(String, String)], apps: &[String]) -> Files {
    let mut tree = files(&[
        ("manage.py", MANAGE),
        ("Procfile", PROCFILE),
        ("README.md", "# The council's site\n"),
        ("requirements.txt", "Django==4.2.24\nwagtail==7.0.3\n"),
        ("bc/__init__.py", ""),
        ("bc/templates/header.html", "<header>\n  <h1>Council</h1>\n</header>\n"),
        ("bc/templates/footer.html", "<footer>\n  <p>Contact us</p>\n</footer>\n"),
        ("bc/templates/map.html", "<div class=\"map\"></div>\n"),
    ]);
    for app in apps {
        tree.insert(format!("bc/{app}/__init__.py"), Vec::new());
        tree.insert(format!("bc/{app}/migrations/__init__.py"), Vec::new());
        let mut before: Option<&str> = None;
        for (_, name) in migrations.iter().filter(|(one, _)| one == app) {
            let text = migration(app, before.as_slice());
            tree.insert(path(app, name), text.into_bytes());
            before = Some(name);
        }
    }
    tree
}

struct Writer<'a> {
    world: &'a World,
    names: &'a Names,
    now: i64,
    trees: BTreeMap<Oid, Files>,
}

impl Writer<'_> {
    /// Commits the first parent's tree with these changes, and points the branch at it.
    fn commit(
        &mut self,
        branch: &str,
        parents: &[Oid],
        days_ago: i64,
        message: &str,
        changes: &[(String, String)],
    ) -> Oid {
        let mut tree = parents.first().map(|parent| self.trees[parent].clone()).unwrap_or_default();
        // A merge without conflicts: the other side's additions.
        for other in parents.iter().skip(1) {
            for (path, text) in &self.trees[other] {
                tree.entry(path.clone()).or_insert_with(|| text.clone());
            }
        }
        for (path, text) in changes {
            tree.insert(path.clone(), text.clone().into_bytes());
        }
        let minute = (self.now - START) / 60 - days_ago * 24 * 60;
        let named = in_package(&tree, &self.names.package);
        let commit = self.world.commit_saying(branch, parents, &named, minute, message);
        self.trees.insert(commit, tree);
        commit
    }

    fn merge(
        &mut self,
        into: &str,
        tip: Oid,
        (branch, other): (&str, Oid),
        days_ago: i64,
        changes: &[(String, String)],
    ) -> Oid {
        let message = format!("Merge branch '{branch}' into '{into}'");
        self.commit(into, &[tip, other], days_ago, &message, changes)
    }
}

/// The same files with the package's own name in paths and texts, which are written for `bc`.
fn in_package(tree: &Files, package: &str) -> Files {
    if package == "bc" {
        return tree.clone();
    }
    let rename = |(path, text): (&String, &Vec<u8>)| {
        let path =
            path.strip_prefix("bc/").map_or(path.clone(), |rest| format!("{package}/{rest}"));
        let text =
            String::from_utf8_lossy(text).replace("bc.settings", &format!("{package}.settings"));
        (path, text.replace("bc.wsgi", &format!("{package}.wsgi")).into_bytes())
    };
    tree.iter().map(rename).collect()
}

fn change(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

/// Writes the whole history into the empty origin. Returns the tip of each branch.
pub fn write(
    world: &World,
    migrations: &[(String, String)],
    names: &Names,
    new: &NewMigrations,
    now: i64,
) -> BTreeMap<String, Oid> {
    let (main, staging) = (names.main.as_str(), names.staging.as_str());
    let mut writer = Writer { world, names, now, trees: BTreeMap::new() };
    let header = "bc/templates/header.html";
    let footer = change("bc/templates/footer.html", "<footer>\n  <p>Write to us</p>\n</footer>\n");
    let map = change("bc/templates/map.html", "<div class=\"map old\"></div>\n");
    let clash = change(header, "<header>\n  <h1>Council, in green</h1>\n</header>\n");

    let first: Vec<(String, String)> = first_tree(migrations, &names.apps)
        .into_iter()
        .map(|(path, text)| (path, String::from_utf8(text).expect("text")))
        .collect();
    let m0 = writer.commit(main, &[], 400, "Begin", &first);
    let events = [change("bc/templates/events.html", "<ul class=\"events\"></ul>\n")];
    let m1 = writer.commit(main, &[m0], 300, "Publish the calendar of events", &events);
    let old_map =
        writer.commit(OLD_MAP, &[m1], 220, "Show the old map", std::slice::from_ref(&map));
    let hours = [change("bc/templates/hours.html", "<p>9 to 5</p>\n")];
    let already = writer.commit(ALREADY_MERGED, &[m1], 120, "Show opening hours", &hours);
    let clashing =
        writer.commit(CLASH, &[m1], 60, "Make the header green", std::slice::from_ref(&clash));
    let m2 = writer.merge(main, m1, (ALREADY_MERGED, already), 40, &[]);
    let before = new.first_before.as_str();
    let blue = change(header, "<header>\n  <h1>Council, in blue</h1>\n</header>\n");
    let changes = [blue, adds(&new.master, &[before])];
    let m3 = writer.commit(main, &[m2], 30, "Allow longer feedback", &changes);
    let contact =
        writer.commit(FOOTER, &[m2], 5, "Ask people to write", std::slice::from_ref(&footer));
    let changes = [adds(&new.second_leaf, &[before])];
    let leaf = writer.commit(SECOND_LEAF, &[m2], 10, "Allow longer issues", &changes);
    let changes = [
        change("bc/templates/search.html", "<form role=\"search\"></form>\n"),
        adds(&new.search_page, &[&new.second_before]),
    ];
    let search = writer.commit(SEARCH_PAGE, &[m3], 6, "Give search a page", &changes);
    let changes = [change("bc/templates/unseen.html", "<p>Not yet</p>\n")];
    let unseen = writer.commit(NOT_ON_STAGING, &[m3], 2, "Begin something", &changes);

    // A merge that changes files of both sides was resolved by hand.
    let s1 = writer.merge(staging, m1, (OLD_MAP, old_map), 200, std::slice::from_ref(&map));
    let s2 = writer.merge(staging, s1, (ALREADY_MERGED, already), 110, &[]);
    let s3 = writer.merge(staging, s2, (CLASH, clashing), 55, std::slice::from_ref(&clash));
    let s4 = writer.merge(staging, s3, (FOOTER, contact), 5, &[footer]);
    let s5 = writer.merge(staging, s4, (SECOND_LEAF, leaf), 5, &[]);
    let both = change(header, "<header>\n  <h1>Council, in green and blue</h1>\n</header>\n");
    let s6 = writer.merge(staging, s5, (SEARCH_PAGE, search), 4, &[both]);
    let changes = [
        adds(&new.merge, &[&new.master.1, &new.second_leaf.1]),
        change("bc/templates/colour.html", "<style>h1 { color: teal }</style>\n"),
    ];
    let s7 = writer.commit(staging, &[s6], 3, "Try out a colour on staging", &changes);

    [
        (main, m3),
        (staging, s7),
        (FOOTER, contact),
        (SEARCH_PAGE, search),
        (OLD_MAP, old_map),
        (CLASH, clashing),
        (SECOND_LEAF, leaf),
        (ALREADY_MERGED, already),
        (NOT_ON_STAGING, unseen),
    ]
    .map(|(name, tip)| (name.to_owned(), tip))
    .into()
}
