//! Writes an archive as it is, with all that is in it, into a file that nobody else may read.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::destination::Destination;
use super::source::Source;
use super::{BackupFileError, Input, Output, Watch};
use crate::archive::WriteError;
use crate::events::{Event, Progress, Unit};

/// The step that is told of.
const STEP: &str = "copy";

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Small enough that an interrupt is noticed soon on a slow line.
const PORTION: usize = 256 << 10;

/// Copies the archive byte by byte, and gives their number. `length` is how many are expected, for
/// the progress alone. Unless this succeeds, no file of the output's name is there that was not
/// there before.
///
/// # Errors
/// Between two reads [`Watch::interrupted`] is looked at; the work then ends with
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
    let description = "Writing the backup as it is".to_owned();
    watch.reporter.emit(Event::StepStarted { step: STEP, description });
    let mut sink = destination.sink()?;
    let mut portion = vec![0; PORTION];
    let mut written = 0;
    let mut last_told = Instant::now();
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
        if last_told.elapsed() >= TELL_EVERY {
            last_told = Instant::now();
            let current = String::new();
            let progress = Progress { done: written, total, unit: Unit::Bytes, current };
            watch.reporter.emit(Event::StepProgress { step: STEP, progress });
        }
    }
    sink.flush().map_err(|error| destination.failed(WriteError::Io(error)))?;
    destination.complete(sink)?;
    let summary = format!("Written: {written} bytes");
    watch.reporter.emit(Event::StepFinished { step: STEP, summary });
    Ok(written)
}
