//! Remembers multipart uploads, so that the next run aborts those that a killed run left in the
//! bucket. Their parts are invisible but cost money.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use hex::encode as hex;

use crate::adapters::s3::{DestinationBucket, Upload};
use crate::private_folder;

use super::content::md5_of;
use super::error::MediaError;
use super::index::lock;

/// The uploads into one bucket. While it is open, no other bcops on this machine writes to that
/// bucket, because it would abort these uploads as leftovers.
pub struct Uploads {
    path: PathBuf,
    writing: Mutex<()>,
    _lock: File,
}

impl Uploads {
    /// `None` if another bcops writes to the bucket.
    pub fn open(state: &Path, bucket: &DestinationBucket) -> Result<Option<Uploads>, MediaError> {
        let directory = state.join("media");
        private_folder::create(&directory).map_err(MediaError::disk("create", &directory))?;
        let name = hex(md5_of(bucket.reading().place().as_bytes()));
        let Some(lock) = lock(&directory.join(format!("{name}.lock")))? else { return Ok(None) };
        let path = directory.join(format!("{name}.uploads"));
        Ok(Some(Uploads { path, writing: Mutex::new(()), _lock: lock }))
    }

    /// Records an upload that has started.
    pub fn note(&self, key: &str, upload: &Upload) -> Result<(), MediaError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let fail = |error| MediaError::disk("write", &self.path)(error);
        let line = json!({ "key": key, "upload": upload.id });
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let mut file = options.open(&self.path).map_err(fail)?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(fail)
    }

    /// Removes the record of an upload that has ended.
    pub fn forget(&self, upload: &Upload) -> Result<(), MediaError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep(|line| field(line, "upload") != Some(upload.id.as_str()))
    }

    /// Aborts the uploads that killed runs left. Those that cannot be aborted now stay recorded.
    pub async fn clean(&self, bucket: &DestinationBucket) -> Result<u64, MediaError> {
        let mut count = 0;
        for line in self.read()? {
            let (Some(key), Some(id)) = (field(&line, "key"), field(&line, "upload")) else {
                continue;
            };
            let upload = Upload { id: id.to_owned() };
            if bucket.abort_upload(key, &upload).await.is_ok() {
                self.forget(&upload)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn read(&self) -> Result<Vec<Value>, MediaError> {
        match fs::read_to_string(&self.path) {
            // A line that a kill has cut is ignored; its upload had only just started.
            Ok(text) => {
                Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(MediaError::disk("read", &self.path)(error)),
        }
    }

    fn keep(&self, wanted: impl Fn(&Value) -> bool) -> Result<(), MediaError> {
        let mut text = String::new();
        for line in self.read()?.iter().filter(|line| wanted(line)) {
            text.push_str(&format!("{line}\n"));
        }
        private_folder::write(&self.path, text.as_bytes())
            .map_err(MediaError::disk("write", &self.path))
    }
}

fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    line.get(name).and_then(Value::as_str)
}
