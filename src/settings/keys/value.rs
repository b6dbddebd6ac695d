//! Reads the values of settings, each type with its messages for invalid values.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;
use crate::settings::layers::RawValue;
use crate::settings::{BadConnectTo, BadMapping, ConnectTo, HostMapping, Notify, Unclassified};

/// What is wrong with a value.
#[derive(Debug)]
pub struct Unfit {
    pub value: String,
    pub reason: String,
}

/// The type of a setting's value.
pub trait Value: Sized {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit>;
}

/// A type that is written as a string, alone or in a list. The error says what to write.
pub trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
}

impl<T: FromText> Value for T {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit> {
        let RawValue::Text(text) = raw else { return Err(of_another_type(raw)) };
        T::from_text(text).map_err(|reason| Unfit { value: text.clone(), reason })
    }
}

impl<T: FromText> Value for Vec<T> {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit> {
        let RawValue::TextList(items) = raw else { return Err(of_another_type(raw)) };
        let one = |text: &String| {
            T::from_text(text).map_err(|reason| Unfit { value: text.clone(), reason })
        };
        items.iter().map(one).collect()
    }
}

impl Value for bool {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit> {
        match raw {
            RawValue::Boolean(value) => Ok(*value),
            _ => Err(of_another_type(raw)),
        }
    }
}

/// Never shown, because files are compared with the declarations when they are read.
fn of_another_type(raw: &RawValue) -> Unfit {
    Unfit { value: raw.to_string(), reason: "it has another type".to_owned() }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromText for Secret {
    fn from_text(text: &str) -> Result<Self, String> {
        // All secret settings are URLs, whose hosts and paths are ordinary words.
        Ok(Secret::url(text))
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(PathBuf::from(text))
    }
}

impl FromText for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text)
            .ok_or_else(|| "write a number with s, m, h or d, for example \"48h\"".to_owned())
    }
}

/// `90s`, `30m`, `48h` or `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

impl FromText for NonZeroU64 {
    fn from_text(text: &str) -> Result<Self, String> {
        let number = text.trim().parse();
        number.map_err(|_| "write a number in quotes, for example \"20\"".to_owned())
    }
}

/// The number of a Redis database, if there is one.
impl FromText for Option<u16> {
    fn from_text(text: &str) -> Result<Self, String> {
        let reason = |_| "write a database number in quotes, or \"none\"".to_owned();
        match text.trim() {
            "none" => Ok(None),
            number => number.parse().map(Some).map_err(reason),
        }
    }
}

impl FromText for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        let reason = |_| "write an address with a port, for example \"1.1.1.1:53\"".to_owned();
        text.parse().map_err(reason)
    }
}

impl FromText for Unclassified {
    fn from_text(text: &str) -> Result<Self, String> {
        <Unclassified as clap::ValueEnum>::from_str(text, false)
            .map_err(|_| "write \"stop\" or \"empty\"".to_owned())
    }
}

impl FromText for Notify {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Notify::Off),
            "bell" => Ok(Notify::Bell),
            "desktop" => Ok(Notify::Desktop),
            _ => Err("it can be \"off\", \"bell\" or \"desktop\"".to_owned()),
        }
    }
}

impl FromText for ConnectTo {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: BadConnectTo| error.to_string())
    }
}

/// A folder of the bucket, with a final slash, so that it matches only whole folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketFolder(pub String);

impl FromText for BucketFolder {
    fn from_text(text: &str) -> Result<Self, String> {
        let folder = text.trim_end_matches('/');
        let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        match folder.split('/').all(plain) && !folder.contains('\0') {
            true => Ok(BucketFolder(format!("{folder}/"))),
            false => Err("write a folder of the bucket, for example \"images/\"".to_owned()),
        }
    }
}

/// Folders of the bucket, sorted by name, with none inside another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketFolders(pub Vec<String>);

impl Value for BucketFolders {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit> {
        let folders = Vec::<BucketFolder>::from_raw(raw)?;
        let mut folders: Vec<String> = folders.into_iter().map(|one| one.0).collect();
        folders.sort();
        let mut pairs = folders.iter().zip(folders.iter().skip(1));
        if let Some((_, inner)) = pairs.find(|(one, two)| two.starts_with(*one)) {
            let reason = "it lies inside another folder of the list".to_owned();
            return Err(Unfit { value: inner.clone(), reason });
        }
        Ok(BucketFolders(folders))
    }
}

/// Mappings of hosts, at most one for each host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMappings(pub Vec<HostMapping>);

impl Value for HostMappings {
    fn from_raw(raw: &RawValue) -> Result<Self, Unfit> {
        let RawValue::TextList(items) = raw else { return Err(of_another_type(raw)) };
        let mut mappings: Vec<HostMapping> = Vec::new();
        for item in items {
            let unfit = |reason: String| Unfit { value: item.clone(), reason };
            let mapping: HostMapping =
                item.parse().map_err(|error: BadMapping| unfit(error.to_string()))?;
            if mappings.iter().any(|other| other.is_from_the_same(&mapping)) {
                return Err(unfit("another entry maps the same host".to_owned()));
            }
            mappings.push(mapping);
        }
        Ok(HostMappings(mappings))
    }
}

/// A command for a shell on a dyno. May be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(pub String);

impl FromText for CommandLine {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(CommandLine(text.trim().to_owned()))
    }
}

/// The command that builds the search indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReindexCommand(pub String);

impl FromText for ReindexCommand {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim().is_empty() {
            true => Err("write the command that rebuilds the search index".to_owned()),
            false => Ok(ReindexCommand(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        assert_eq!(parse_duration("2"), None);
        assert_eq!(parse_duration("h"), None);
        assert_eq!(parse_duration("é"), None);
        assert_eq!(parse_duration("99999999999999999999d"), None);
    }
}
