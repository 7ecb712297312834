//! What daemons held before they were jobs: the file `baseline.json`, which `ebb audit --write` adds to and `ebb report` reads.
//! Lies among the job files, where ebbd passes over it. Knows nothing of how the figures were measured, nor what is reckoned from them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::Wall;
use crate::job::check_name;
use crate::limits::{BASELINE_FILE_MAX, SIZE_MAX};
use crate::problem::Problem;
use crate::problem::file::{not_utf8, read_bounded, reason, unreadable};
use crate::problem::source::Source;
use crate::sys::durable;
use crate::words::BaselineSource;

/// Its name in the directory of the job files.
pub const FILE_NAME: &str = "baseline.json";
/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;

/// What a daemon held before it was a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Before {
    /// What it held at rest, in bytes: anonymous memory, and what nobody else has a page of. At least 1.
    #[serde(deserialize_with = "amount")]
    pub resident_bytes: u64,
    /// The most it was seen to hold, in bytes, where somebody looked while it worked.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "perhaps_amount")]
    pub peak_bytes: Option<u64>,
    /// From when on the job stands in for it.
    pub since: Wall,
    /// Who says so.
    pub source: BaselineSource,
    /// The systemd unit or the container that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// The file, by name of job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u64,
    /// A job each.
    #[serde(deserialize_with = "named")]
    pub jobs: BTreeMap<String, Before>,
}

/// Without a job.
impl Default for Baseline {
    fn default() -> Self {
        Self { version: VERSION, jobs: BTreeMap::new() }
    }
}

impl Baseline {
    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// It can't be read, is larger than [`BASELINE_FILE_MAX`], of another version, or no baseline; with its place where
    /// that is known.
    pub fn read(path: &Path) -> Result<Option<Self>, Problem> {
        let file = OpenOptions::new().read(true).custom_flags(durable::NON_BLOCKING).open(path);
        let bytes = match file.and_then(|file| read_bounded(&file, BASELINE_FILE_MAX)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path, &error)),
        };
        if u64::try_from(bytes.len()).is_ok_and(|length| length > BASELINE_FILE_MAX) {
            let message = format!(
                "the file is larger than {BASELINE_FILE_MAX} bytes, which is the most for a baseline"
            );
            return Err(Problem::of_file(path, message, None));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to()))?;
        Self::parse(path, &text).map(Some)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        /// What is read first, whatever else another version has.
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let problem = |error: &serde_json::Error| problem(path, text, error);
        let Versioned { version } = serde_json::from_str(text).map_err(|e| problem(&e))?;
        if version != VERSION {
            let message =
                format!("this is a baseline of version {version}, and this ebb reads version {VERSION}");
            let help = "use the ebb that wrote it, or move it away and measure anew";
            return Err(Problem::of_file(path, message, Some(help.to_owned())));
        }
        serde_json::from_str(text).map_err(|e| problem(&e))
    }

    /// Adds to what is in the file, atomically; a job that is there already is replaced. Gives what was replaced. The file
    /// gets mode 0644, or keeps the one that it has.
    ///
    /// # Errors
    /// As [`Self::read`]; and it can't be written.
    pub fn add_to(path: &Path, jobs: BTreeMap<String, Before>) -> Result<BTreeMap<String, Before>, Problem> {
        let mut baseline = Self::read(path)?.unwrap_or_default();
        let mut replaced = BTreeMap::new();
        for (job, before) in jobs {
            if let Some(earlier) = baseline.jobs.insert(job.clone(), before) {
                replaced.insert(job, earlier);
            }
        }
        baseline.write(path)?;
        Ok(replaced)
    }

    /// Writes it in place of what is there, atomically.
    ///
    /// # Errors
    /// It can't be written, or is no baseline that could be read back.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let refused =
            |why: String| Problem::of_file(path, format!("the baseline can't be written: {why}"), None);
        let mut text = serde_json::to_string_pretty(self).map_err(|e| refused(e.to_string()))?;
        text.push('\n');
        if text.len() as u64 > BASELINE_FILE_MAX {
            return Err(refused(format!("it would be larger than {BASELINE_FILE_MAX} bytes")));
        }
        Self::parse(path, &text).map_err(|problem| refused(problem.message))?;
        durable::replace(path, text.as_bytes(), 0o644).map_err(|error| refused(reason(&error)))
    }
}

/// What serde_json has found, with the line and a caret where it says which.
fn problem(path: &Path, text: &str, error: &serde_json::Error) -> Problem {
    let told = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    let message = told.strip_suffix(&at).unwrap_or(&told).to_owned();
    let is_torn = error.is_eof();
    let help = if is_torn {
        "the file breaks off; move it away and measure anew, or mend it"
    } else {
        "docs/report.md shows how a baseline is written"
    };
    let mut problem = Problem::of_file(path, message, Some(help.to_owned()));
    if error.line() > 0 {
        let before: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
        let at = before + error.column().saturating_sub(1);
        problem.place = Some(Source { path, text }.place(&(at..at + 1)));
    }
    problem
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let bytes = u64::deserialize(deserializer)?;
    if bytes == 0 || bytes > SIZE_MAX {
        return Err(D::Error::custom(format!("{bytes} is no amount of memory: from 1 to {SIZE_MAX} bytes")));
    }
    Ok(bytes)
}

fn perhaps_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Amount(#[serde(deserialize_with = "amount")] u64);
    Option::<Amount>::deserialize(deserializer).map(|amount| amount.map(|Amount(bytes)| bytes))
}

/// A job each; a name that is none, or that comes twice, is a mistake at its place.
fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Before>, D::Error> {
    struct Jobs;
    impl<'de> Visitor<'de> for Jobs {
        type Value = BTreeMap<String, Before>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with a member for each job")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut jobs = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                check_name(&name).map_err(|problem| A::Error::custom(problem.message))?;
                match jobs.entry(name) {
                    Place::Vacant(place) => place.insert(map.next_value()?),
                    Place::Occupied(place) => {
                        return Err(A::Error::custom(format!("the job `{}` stands here twice", place.key())));
                    }
                };
            }
            Ok(jobs)
        }
    }
    deserializer.deserialize_map(Jobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const TEXT: &str = r#"{
  "version": 1,
  "jobs": {
    "indexer": {
      "resident-bytes": 470810624,
      "since": "2026-11-01T09:00:00+01:00",
      "source": "audit",
      "service": "indexer.service"
    },
    "report": { "resident-bytes": 1, "peak-bytes": 2, "since": "2026-11-01T08:00:00Z", "source": "given" }
  }
}
"#;

    fn before(bytes: u64) -> Before {
        let since = Wall(1_000);
        Before {
            resident_bytes: bytes,
            peak_bytes: None,
            since,
            source: BaselineSource::Given,
            service: None,
        }
    }

    fn refusal(text: &str) -> String {
        Baseline::parse(Path::new("b.json"), text).unwrap_err().to_string()
    }

    #[test]
    fn it_is_read_as_it_is_documented() {
        let read = Baseline::parse(Path::new("b.json"), TEXT).unwrap();
        let indexer = &read.jobs["indexer"];
        assert_eq!(indexer.resident_bytes, 470_810_624);
        assert_eq!((indexer.peak_bytes, indexer.since), (None, Wall(1_793_520_000_000)));
        assert_eq!(indexer.service.as_deref(), Some("indexer.service"));
        assert_eq!(
            (read.jobs["report"].peak_bytes, read.jobs["report"].source),
            (Some(2), BaselineSource::Given)
        );
    }

    #[test]
    fn the_one_that_the_docs_show_is_one() {
        let page = include_str!("../docs/report.md");
        let text = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let read = Baseline::parse(Path::new("b.json"), text).unwrap();
        assert_eq!(read.jobs["indexer"].peak_bytes, Some(495_976_448));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let line = |text: &str| text.lines().next().unwrap().to_owned();
        for (from, to, told) in [
            ("470810624", "0", "b.json:5:25: 0 is no amount of memory: from 1 to"),
            ("470810624", "-7", "b.json:5:26: invalid value: integer `-7`, expected u64"),
            ("470810624", "\"449M\"", "b.json:5:30: invalid type: string \"449M\", expected u64"),
            ("\"audit\"", "\"guess\"", "b.json:7:23: unknown variant `guess`, expected `audit` or `given`"),
            ("2026-11-01T09:00:00+01:00", "yesterday", "b.json:6:26: invalid value: string \"yesterday\""),
            ("\"service\"", "\"unit\"", "b.json:8:12: unknown field `unit`"),
            ("\"report\"", "\"My Job\"", "b.json:10:12: `My Job` is not a job's name"),
            ("\"report\"", "\"indexer\"", "b.json:10:13: the job `indexer` stands here twice"),
            ("\"version\": 1", "\"version\": 2", "b.json: this is a baseline of version 2"),
            ("\"version\": 1,", "", "missing field `version`"),
        ] {
            let said = line(&refusal(&TEXT.replacen(from, to, 1)));
            assert!(said.contains(told), "{said}");
        }
        for torn in [&TEXT[..TEXT.len() / 2], "", "{"] {
            assert!(refusal(torn).contains("the file breaks off"), "{}", refusal(torn));
        }
        assert!(refusal("[]").contains("b.json:1:"), "{}", refusal("[]"));
    }

    #[test]
    fn what_is_added_replaces_the_same_job_and_leaves_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        assert_eq!(Baseline::read(&path).unwrap(), None);
        let jobs = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|(job, bytes)| ((*job).to_owned(), before(*bytes))).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(Baseline::add_to(&path, jobs(&[("a", 1), ("b", 2)])).unwrap(), jobs(&[]));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Baseline::add_to(&path, jobs(&[("b", 3), ("c", 4)])).unwrap(), jobs(&[("b", 2)]));
        assert_eq!(Baseline::read(&path).unwrap().unwrap().jobs, jobs(&[("a", 1), ("b", 3), ("c", 4)]));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written_and_what_is_broken_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let bad = BTreeMap::from([("a".to_owned(), before(0))]);
        assert!(Baseline::add_to(&path, bad).unwrap_err().to_string().contains("can't be written"));
        assert!(!path.exists());
        let long =
            Before { service: Some("x".repeat(usize::try_from(BASELINE_FILE_MAX).unwrap())), ..before(1) };
        let long = BTreeMap::from([("a".to_owned(), long)]);
        assert!(Baseline::add_to(&path, long).unwrap_err().to_string().contains("larger than"));
        assert!(!path.exists());
        std::fs::write(&path, "{ \"version\": 1, ").unwrap();
        let good = BTreeMap::from([("a".to_owned(), before(1))]);
        assert!(Baseline::add_to(&path, good).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ \"version\": 1, ");
    }
}
