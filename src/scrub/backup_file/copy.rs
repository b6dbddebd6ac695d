//! Copies an archive unchanged into a file that only its owner can read.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::destination::Destination;
use super::source::Source;
use super::{BackupFileError, Input, Output, Watch};
use crate::archive::WriteError;
use crate::events::{Event, Progress, Unit};

/// The step in progress reports.
const STEP: &str = "copy";

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Small enough that an interrupt is noticed soon on a slow line.
const PORTION: usize = 256 << 10;

/// Copies the archive byte by byte and returns the number of bytes. `length` is the expected
/// number, for progress alone. If the copy fails, no new file of the output's name exists.
///
/// # Errors
/// If [`Watch::interrupted`] is set between two reads, the copy ends with
/// [`BackupFileError::Interrupted`].
pub fn copy(
    input: Input,
    length: Option<u64>,
    output: Output,
    watch: &Watch,
) -> Result<u64, BackupFileError> {
    let (source, mut bytes) = Source::open(input)?;
    let total = length.or_else(|| source.length());
    let mut destination = Destination::create(output, &source)?;
    let description = "Copying the backup unchanged".to_owned();
    watch.reporter.emit(Event::StepStarted { step: STEP, description });
    let mut sink = destination.sink()?;
    let mut portion = vec![0; PORTION];
    let mut written = 0;
    let mut last_report = Instant::now();
    loop {
        if watch.interrupted.load(Ordering::SeqCst) {
            return Err(BackupFileError::Interrupted);
        }
        let count = match bytes.read(&mut portion) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(BackupFileError::Read { source }),
        };
        let wrote = sink.write_all(portion.get(..count).unwrap_or(&portion));
        wrote.map_err(|error| destination.failed(WriteError::Io(error)))?;
        written += count as u64;
        if last_report.elapsed() >= REPORT_EVERY {
            last_report = Instant::now();
            let current = String::new();
            let progress = Progress { done: written, total, unit: Unit::Bytes, current };
            watch.reporter.emit(Event::StepProgress { step: STEP, progress });
        }
    }
    sink.flush().map_err(|error| destination.failed(WriteError::Io(error)))?;
    destination.complete(sink)?;
    let summary = format!("Copied {written} bytes");
    watch.reporter.emit(Event::StepFinished { step: STEP, summary });
    Ok(written)
}
