//! Tests what is left on the disk: one complete file, or nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::tests::{GZIP, MANIFEST, names_in, run, run_watched, sample, stream, to, watch};
use super::*;

#[test]
fn a_truncated_archive_leaves_no_file_and_an_old_file_stays() {
    let bytes = sample(14, GZIP);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    for length in (0..bytes.len()).step_by(7) {
        let error = run(stream(&bytes[..length]), to(&path, false), MANIFEST).unwrap_err();
        assert!(
            matches!(error, BackupFileError::Archive(_) | BackupFileError::Blocks { .. }),
            "{error}"
        );
        assert!(names_in(folder.path()).is_empty());
    }
    fs::write(&path, "before").unwrap();
    let cut = &bytes[..bytes.len() - 1];
    run(stream(cut), to(&path, true), MANIFEST).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"before");
    assert_eq!(names_in(folder.path()), ["out"]);
}

#[test]
fn an_existing_file_is_replaced_only_on_request() {
    let bytes = sample(14, GZIP);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, &bytes).unwrap();
    let refused = run(stream(&bytes), to(&path, false), MANIFEST).unwrap_err();
    assert!(matches!(refused, BackupFileError::Exists { .. }));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let same = run(Input::File(path.clone()), to(name, true), MANIFEST).unwrap_err();
        assert!(matches!(same, BackupFileError::SameFile { .. }), "{same}");
    }
    let folder_itself = run(stream(&bytes), to(folder.path(), true), MANIFEST).unwrap_err();
    assert!(matches!(folder_itself, BackupFileError::NotAFile { .. }));
    let device = run(stream(&bytes), to(Path::new("/dev/null"), true), MANIFEST).unwrap_err();
    assert!(matches!(device, BackupFileError::NotAFile { .. }));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    run(stream(&bytes), to(&path, true), MANIFEST).unwrap();
    assert_ne!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_file_of_a_killed_run_is_removed_and_that_of_a_running_one_stays() {
    let bytes = sample(14, GZIP);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(folder.path().join("out.bcops-partial-1"), "left").unwrap();
    fs::write(folder.path().join("other.bcops-partial-1"), "of another").unwrap();
    run(stream(&bytes), to(&path, false), MANIFEST).unwrap();
    assert_eq!(names_in(folder.path()), ["other.bcops-partial-1", "out"]);

    let (source, _) = Source::open(stream(&bytes)).unwrap();
    let living = Destination::create(to(&path, true), &source).unwrap();
    let error = run(stream(&bytes), to(&path, true), MANIFEST).unwrap_err();
    assert!(matches!(error, BackupFileError::InUse { .. }), "{error}");
    let mode =
        fs::metadata(folder.path().join(format!("out.bcops-partial-{}", std::process::id())));
    assert_eq!(mode.unwrap().permissions().mode() & 0o777, 0o600);
    drop(living);
    run(stream(&bytes), to(&path, true), MANIFEST).unwrap();
}

/// An archive in two pieces. Between them someone presses Ctrl-C or the connection breaks.
struct InTwo {
    pieces: u8,
    interrupted: Arc<AtomicBool>,
    breaks: bool,
}

impl Read for InTwo {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        self.pieces += 1;
        match (self.pieces, self.breaks) {
            (1, _) => {
                self.interrupted.store(!self.breaks, Ordering::SeqCst);
                target[..5].copy_from_slice(b"PGDMP");
                Ok(5)
            }
            (_, true) => Err(std::io::ErrorKind::ConnectionReset.into()),
            (_, false) => panic!("it continues to read"),
        }
    }
}

#[test]
fn a_copy_is_complete_or_missing() {
    let bytes = sample(14, GZIP);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    assert_eq!(copy(stream(&bytes), None, to(&path, false), &watch()).unwrap(), bytes.len() as u64);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = copy(stream(&bytes), None, to(&path, false), &watch()).unwrap_err();
    assert!(matches!(refused, BackupFileError::Exists { .. }), "{refused}");
    for breaks in [false, true] {
        let watch = watch();
        let input = InTwo { pieces: 0, interrupted: watch.interrupted.clone(), breaks };
        let error = copy(Input::Stream(Box::new(input)), None, to(&path, true), &watch);
        match error.unwrap_err() {
            BackupFileError::Interrupted => assert!(!breaks),
            BackupFileError::Read { .. } => assert!(breaks),
            other => panic!("{other}"),
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(names_in(folder.path()), ["out"]);
    }
}

#[test]
fn a_link_in_the_place_of_the_partial_file_is_not_followed() {
    let bytes = sample(14, GZIP);
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("out"), folder.path().join("victim"));
    fs::write(&victim, "untouched").unwrap();
    let link = folder.path().join(format!("out.bcops-partial-{}", std::process::id()));
    std::os::unix::fs::symlink(&victim, link).unwrap();
    let error = copy(stream(&bytes), None, to(&path, true), &watch()).unwrap_err();
    assert!(matches!(error, BackupFileError::InUse { .. }), "{error}");
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    assert!(!path.exists());
}

#[test]
fn an_interrupt_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let watch = Watch { interrupted: Arc::new(AtomicBool::new(true)), ..watch() };
    let result = run_watched(stream(&sample(14, GZIP)), to(&path, false), MANIFEST, &watch);
    assert!(matches!(result, Err(BackupFileError::Interrupted)));
    assert!(names_in(folder.path()).is_empty());
}
