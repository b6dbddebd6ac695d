//! Creates the code of the site: an origin like GitLab's, with master, staging and features, and
//! the repositories of the Heroku apps, which build pushes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bcops::adapters::git::Oid;
use jiff::Timestamp;

use super::blueprint::Blueprint;
use super::history;
use crate::standins::heroku::HerokuStandIn;
use crate::support::git::{self, text};

/// The input of the origin's `pre-receive`: branches without force push, branches without any push,
/// and a ref that another person moves during a push.
const PROTECTED: &str = "protected-branches";
const CLOSED: &str = "closed-branches";
const RACE: &str = "race";

/// Refuses with GitLab's own words. Leaves the quarantine of the push to move a ref as another
/// pusher would.
const ORIGIN_HOOK: &str = r#"
pushed=
while read -r old new ref; do
    pushed="$pushed$ref "
    branch=${ref#refs/heads/}
    if grep -qxF "$branch" closed-branches 2>/dev/null; then
        echo "GitLab: You are not allowed to push code to protected branches on this project." >&2
        exit 1
    fi
    if grep -qxF "$branch" protected-branches 2>/dev/null; then
        case $new in *[!0]*) ;; *)
            echo "GitLab: You are not allowed to delete protected branches from this project." >&2
            exit 1 ;;
        esac
        case $old in *[!0]*)
            if ! git merge-base --is-ancestor "$old" "$new"; then
                echo "GitLab: You are not allowed to force push code to a protected branch on this project." >&2
                exit 1
            fi ;;
        esac
    fi
done
if [ -f race ]; then
    read -r ref commit during < race
    case " $pushed" in *" $during"*)
        rm race
        env -u GIT_QUARANTINE_PATH git update-ref "$ref" "$commit"
    esac
fi
exit 0
"#;

pub struct Code {
    repositories: git::World,
    /// The tips of the branches of the origin at the beginning, by name.
    pub tips: BTreeMap<String, Oid>,
    /// Migrations that the deployed code has beyond the sample: app and name.
    pub new_migrations: history::NewMigrations,
    /// The project's path on GitLab.
    project: String,
    main: String,
}

impl Code {
    /// Makes the repositories. `migrations` are those that production's database has applied.
    pub fn new(blueprint: &Blueprint, migrations: &[(String, String)]) -> Code {
        let template = Template::of(blueprint, migrations);
        let repositories = git::World::new();
        template.write(&repositories.origin());
        let (tips, new_migrations) = (template.tips.clone(), template.new_migrations.clone());
        let project = blueprint.settings.gitlab.project.value.clone();
        let main = blueprint.branches()[0].to_owned();
        let code = Code { repositories, tips, new_migrations, project, main };
        let place = code.origin();
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::os::unix::fs::symlink(code.repositories.origin(), place).expect("a link");
        code.repositories.hook(&code.repositories.origin(), "pre-receive", ORIGIN_HOOK);
        for folder in ["control", "trees", "heroku"] {
            fs::create_dir_all(code.folder(folder)).expect("a folder");
        }
        code
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.repositories.path(name)
    }

    /// The origin, under the path that the project has on GitLab.
    pub fn origin(&self) -> PathBuf {
        self.folder(&format!("gitlab/{}.git", self.project))
    }

    /// For `HEROKU_GIT_HOST`.
    pub fn heroku_host(&self) -> String {
        format!("file://{}", text(&self.folder("heroku")))
    }

    /// The repository of an app.
    pub fn app_repository(&self, app: &str) -> PathBuf {
        self.folder("heroku").join(format!("{app}.git"))
    }

    /// The program that plays Python on the dynos, with `psql` for the database. `vars` are the
    /// config vars with the URLs of the database and of the search server; `indices` are those of
    /// the search, each with its table.
    pub fn write_python(
        &self,
        psql: &Path,
        [database, search]: [&str; 2],
        indices: &[(String, String)],
    ) -> PathBuf {
        let indices: Vec<String> =
            indices.iter().map(|(index, table)| format!("{index}:{table}")).collect();
        let script = include_str!("python.sh")
            .replace("@INDICES@", &indices.join(" "))
            .replace("DATABASE_URL", database)
            .replace("BONSAI_URL", search)
            .replace("@PSQL@", &text(psql))
            .replace("@CONTROL@", &text(&self.folder("control")));
        let path = self.folder("python");
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("executable");
        path
    }

    /// Makes the repository of an app, with this commit on master, built and released.
    pub fn deploy_first(&self, heroku: &HerokuStandIn, app: &str, commit: Oid, python: &Path) {
        let path = self.app_repository(app);
        let repository = git2::Repository::init_bare(&path).expect("a repository");
        // It shares the origin's objects, which saves copying.
        let alternates = text(&self.repositories.origin().join("objects")) + "\n";
        fs::write(path.join("objects/info/alternates"), alternates).expect("written");
        drop(repository);
        let repository = git2::Repository::open(&path).expect("a repository");
        repository.reference("refs/heads/master", commit, true, "").expect("a ref");
        repository.set_head("refs/heads/master").expect("a head");
        let hook = heroku.push_hook(app, &self.folder("trees"), python);
        self.repositories.hook(&path, "pre-receive", hook.trim_start_matches("#!/bin/sh\n"));
        let tree = self.folder("trees").join(app);
        lay_out(&repository, commit, &tree);
        let programs = tree.join(".heroku/python/bin");
        fs::create_dir_all(&programs).expect("a folder");
        fs::copy(python, programs.join("python")).expect("a copy");
        heroku.add_deployed(app, &commit.to_string(), Some(&tree));
    }

    /// Clones the origin into an empty folder, like the operator's clone, with an identity for
    /// commits.
    pub fn clone_into(&self, folder: &Path) {
        let parent = folder.parent().expect("a parent");
        self.git(parent, &["clone", "-q", &text(&self.origin()), &text(folder)]);
    }

    pub fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        self.repositories.git(folder, arguments)
    }

    pub fn try_git(&self, folder: &Path, arguments: &[&str]) -> (bool, String) {
        self.repositories.try_git(folder, arguments)
    }

    /// Every ref of a bare repository with what it points at.
    pub fn references(&self, repository: &Path) -> Vec<String> {
        let repository = git2::Repository::open(repository).expect("a repository");
        let references = repository.references().expect("references");
        let mut lines: Vec<String> = references
            .filter_map(|reference| {
                let reference = reference.ok()?;
                Some(format!("{} {}", reference.name().ok()?, reference.target()?))
            })
            .collect();
        lines.sort();
        lines
    }

    pub fn origin_tip(&self, reference: &str) -> Option<Oid> {
        self.repositories.origin_tip(reference)
    }

    /// The tip of the branch that an app's repository builds.
    pub fn app_tip(&self, app: &str) -> Option<Oid> {
        let repository = git2::Repository::open(self.app_repository(app)).expect("a repository");
        ["refs/heads/master", "refs/heads/main"]
            .iter()
            .find_map(|name| repository.refname_to_id(name).ok())
    }

    /// Creates a branch of the origin at the main branch, unless it exists.
    pub fn ensure_branch(&self, branch: &str) {
        if self.origin_tip(&format!("refs/heads/{branch}")).is_none() {
            self.repositories.point(branch, Some(self.tips[&self.main]));
        }
    }

    /// Pushes a commit to a branch of the origin as another person. Returns its id.
    pub fn somebody_pushes(&self, branch: &str) -> Oid {
        let commit = self.commit_of_somebody(branch);
        self.repositories.point(branch, Some(commit));
        commit
    }

    /// Another person pushes to the branch during the next push to the origin.
    pub fn somebody_pushes_during_the_next_push(&self, branch: &str) -> Oid {
        let commit = self.commit_of_somebody(branch);
        let line = format!("refs/heads/{branch} {commit}\n");
        fs::write(self.repositories.origin().join(RACE), line).expect("written");
        commit
    }

    /// The same during the next push to the branch itself.
    pub fn somebody_pushes_during_its_next_push(&self, branch: &str) -> Oid {
        let commit = self.commit_of_somebody(branch);
        let line = format!("refs/heads/{branch} {commit} refs/heads/{branch}\n");
        fs::write(self.repositories.origin().join(RACE), line).expect("written");
        commit
    }

    fn commit_of_somebody(&self, branch: &str) -> Oid {
        let repository = git2::Repository::open(self.repositories.origin()).expect("the origin");
        let name = format!("refs/heads/{branch}");
        let tip = repository.refname_to_id(&name).expect("a branch of the origin");
        let parent = repository.find_commit(tip).expect("a commit");
        let author = git2::Signature::now("Somebody Else", "else@example.test").expect("a name");
        let tree = parent.tree().expect("a tree");
        repository.commit(None, &author, &author, "Come first", &tree, &[&parent]).expect("made")
    }

    /// The branches of the origin without force push.
    pub fn protect(&self, branches: &[&str]) {
        self.write_list(PROTECTED, branches);
    }

    /// The branches of the origin without any push.
    pub fn close(&self, branches: &[&str]) {
        self.write_list(CLOSED, branches);
    }

    fn write_list(&self, name: &str, branches: &[&str]) {
        let lines: String = branches.iter().map(|branch| format!("{branch}\n")).collect();
        fs::write(self.repositories.origin().join(name), lines).expect("written");
    }

    /// Sets how a command of manage.py behaves from now on: `fail`, `hang`, for `makemigrations`
    /// also `missing` and `conflict`, for `update_index` also `empty`. `None` makes it behave
    /// again.
    pub fn control(&self, command: &str, word: Option<&str>) {
        let path = self.folder("control").join(command);
        match word {
            Some(word) => fs::write(path, word).expect("written"),
            None => _ = fs::remove_file(path),
        }
    }
}

/// An origin in memory.
struct Template {
    files: BTreeMap<PathBuf, Vec<u8>>,
    tips: BTreeMap<String, Oid>,
    new_migrations: history::NewMigrations,
}

impl Template {
    /// Made once for each site and copied, because that is faster and all commits have the same
    /// ids.
    fn of(blueprint: &Blueprint, migrations: &[(String, String)]) -> Arc<Template> {
        static MADE: Mutex<BTreeMap<String, Arc<Template>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().expect("no panic");
        let template = made.entry(blueprint.name.clone());
        Arc::clone(template.or_insert_with(|| Arc::new(Template::make(blueprint, migrations))))
    }

    fn make(blueprint: &Blueprint, migrations: &[(String, String)]) -> Template {
        let repositories = git::World::new();
        let [main, staging] = blueprint.branches().map(str::to_owned);
        let (package, apps) = (blueprint.package.clone(), blueprint.apps.clone());
        let names = history::Names { main, staging, package, apps };
        let new_migrations = history::NewMigrations::after(migrations, &names.apps);
        let now = Timestamp::now().as_second();
        let tips = history::write(&repositories, migrations, &names, &new_migrations, now);
        let origin = repositories.origin();
        let head = format!("refs/heads/{}", names.main);
        repositories.git(&origin, &["symbolic-ref", "HEAD", &head]);
        repositories.git(&origin, &["gc", "-q"]);
        let mut files = BTreeMap::new();
        read_files(&origin, &origin, &mut files);
        Template { files, tips, new_migrations }
    }

    fn write(&self, folder: &Path) {
        for (path, content) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, content).expect("written");
        }
    }
}

fn read_files(folder: &Path, root: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_files(&path, root, files);
        } else {
            let name = path.strip_prefix(root).expect("below it").to_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// Writes the files of a commit into a folder.
fn lay_out(repository: &git2::Repository, commit: Oid, folder: &Path) {
    let tree = repository.find_commit(commit).and_then(|one| one.tree()).expect("a tree");
    tree.walk(git2::TreeWalkMode::PreOrder, |parent, entry| {
        let path = folder.join(parent).join(entry.name().expect("a name in UTF-8"));
        if entry.kind() == Some(git2::ObjectType::Blob) {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let blob = repository.find_blob(entry.id()).expect("a blob");
            fs::write(path, blob.content()).expect("written");
        }
        git2::TreeWalkResult::Ok
    })
    .expect("walked");
}
