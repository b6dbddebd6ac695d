//! Handles pushes to the git repositories of apps. The repositories are real bare ones. Their hook
//! passes the push to the stand-in, which builds and releases it, and prints the output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Response;

use super::releases::{self, Deploy};
use super::state::Shared;
use crate::standins::server::{Body, Recorded, full};

/// As on Heroku, only master and main are built, and a build that fails refuses the push. A release
/// that fails does not: its code is in the repository, and the old release continues.
const HOOK: &str = r#"#!/bin/sh
while read -r old new ref; do
    case $ref in
    refs/heads/master | refs/heads/main) ;;
    *)
        echo "Pushed to non-main branch, skipping build." >&2
        continue
        ;;
    esac
    case $new in
    *[!0]*) ;;
    *) continue ;;
    esac
    tree="@TREES@/$new.$$"
    mkdir -p "$tree/.heroku/python/bin" && git archive "$new" | tar -x -C "$tree" || exit 1
    cp "@PYTHON@" "$tree/.heroku/python/bin/python" || exit 1
    started=$(curl -sS -X POST -H "Tree: $tree" "@URL@/pushes/@APP@/$new") || exit 1
    build=${started% *}
    curl -sS -N "${started#* }" >&2
    ended=$(curl -sS "@URL@/pushes/@APP@/$build") || exit 1
    printf '%s\n' "$ended" | sed 1d >&2
    case $ended in
    "failed "*)
        echo " !     Push rejected, failed to compile Python app." >&2
        exit 1
        ;;
    "succeeded failed"* | "succeeded expired"*) echo " !     Release command failed." >&2 ;;
    *) echo "-----> Verifying deploy... done." >&2 ;;
    esac
done
exit 0
"#;

/// The text of `pre-receive` for an app's repository. The pushed tree is unpacked below `trees`,
/// and `python` is put in the place of the Python buildpack's.
pub fn hook(url: &str, app: &str, trees: &Path, python: &Path) -> String {
    HOOK.replace("@URL@", url)
        .replace("@APP@", app)
        .replace("@TREES@", &trees.display().to_string())
        .replace("@PYTHON@", &python.display().to_string())
}

/// `POST` of a commit starts a deploy, and returns the build and the URL of its output. `GET` of a
/// build waits for its end, and returns both states and the output of the release phase.
pub async fn answer(
    shared: &Arc<Shared>,
    request: &Recorded,
    app: &str,
    what: &str,
) -> Response<Body> {
    let text = |text: String| Response::new(full(text));
    if shared.world().app(app).is_none() {
        return Response::builder().status(404).body(full("no such app\n")).expect("a response");
    }
    if request.method == "POST" {
        let tree = request.header("tree").map(PathBuf::from);
        let plan = Deploy { tree, ..shared.world().deploy_plan.clone() };
        let build = releases::deploy(shared, app, what, plan);
        let stream = releases::stream_of(shared, app, &build).unwrap_or_default();
        return text(format!("{build} {}/streams/{stream}", shared.url));
    }
    let deployed = releases::wait(shared, app, what).await;
    let (built, released) = (deployed.build_status, deployed.release_status);
    text(format!("{built} {released}\n{}", deployed.release_output))
}
