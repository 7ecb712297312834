//! What settings mean, and what becomes of them in bytes.

use super::{TOTAL, good};
use crate::engine::{Budget, Pool};
use crate::limits::{CLAIM_UNKNOWN_DEFAULT, PRESSURE_DEFAULT_PERCENT};
use crate::settings::Settings;

fn budget(text: &str) -> Budget {
    good(text).budget(Some(TOTAL))
}

#[test]
fn a_file_with_all_keys_means_what_it_says() {
    let settings = good(
        r#"
jobs = "/j"
state = "/s"
socket = "/k"
group = "ops"
cgroup = "ebb-runs.service"
log = "warn"
strict = true
stop-within = "25s"
"#,
    );
    let expected = Settings {
        jobs: Some("/j".into()),
        state: Some("/s".into()),
        socket: Some("/k".into()),
        group: Some("ops".to_owned()),
        cgroup: Some("ebb-runs.service".into()),
        log: Some("warn".to_owned()),
        strict: Some(true),
        stop_within_ms: Some(25_000),
        ..Settings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn without_a_budget_nothing_is_held_back() {
    let none = Budget { unknown: CLAIM_UNKNOWN_DEFAULT, total: Some(TOTAL), ..Budget::default() };
    assert_eq!(budget(""), none);
    assert_eq!(budget("# [budget]\nlog = \"info\"\n"), none);
}

#[test]
fn an_empty_budget_gives_out_what_the_host_has_left() {
    let expected = Budget {
        is_on: true,
        unknown: CLAIM_UNKNOWN_DEFAULT,
        pressure: Some(PRESSURE_DEFAULT_PERCENT),
        total: Some(TOTAL),
        ..Budget::default()
    };
    assert_eq!(budget("[budget]\n"), expected);
}

#[test]
fn a_full_budget_becomes_bytes_and_its_pools_are_in_order_of_name() {
    let text = r#"
[budget]
memory = "50%"
reserve = "512M"
unknown = "128M"
max-parallel = 8
pressure = "40%"
[pools.small]
max-parallel = 2
[pools.heavy]
memory = "12.5%"
[pools]
io = { memory = 1073741824, max-parallel = 1 }
"#;
    let pool = |name: &str, memory, max_parallel| Pool { name: name.into(), memory, max_parallel };
    let expected = Budget {
        is_on: true,
        memory: Some(8 << 30),
        reserve: 512 << 20,
        unknown: 128 << 20,
        max_parallel: Some(8),
        pressure: Some(40),
        total: Some(TOTAL),
        pools: vec![
            pool("heavy", Some(2 << 30), None),
            pool("io", Some(1 << 30), Some(1)),
            pool("small", None, Some(2)),
        ],
    };
    assert_eq!(budget(text), expected);
}

#[test]
fn starts_are_never_held_back_for_pressure_where_it_is_off() {
    assert_eq!(budget("[budget]\npressure = \"off\"\n").pressure, None);
}

#[test]
fn nothing_has_to_stay_free() {
    assert_eq!(budget("[budget]\nreserve = 0\n").reserve, 0);
    assert_eq!(budget("[budget]\nreserve = \"5%\"\n").reserve, TOTAL / 20);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(good("\u{feff}log = \"info\"\n").log.as_deref(), Some("info"));
}
