//! What a job means where its file says nothing, and that a full file means what it says.

use super::{good, with_command};
use crate::job::{Accept, Allow, Cpu, Definition, EnvironmentFile, Memory, OnOom, Output, Retry, Timing};
use crate::limits::{
    GRACE_DEFAULT_MS, MAX_PARALLEL_DEFAULT, OUTPUT_KEEP_DEFAULT, OUTPUT_MAX_DEFAULT, QUEUE_LIMIT_DEFAULT,
    RETRY_DELAY_DEFAULT_MS, RETRY_MAX_DELAY_DEFAULT_MS,
};
use crate::words::{CatchUp, EnforcementWish, OutputTo, Overlap};

#[test]
fn a_job_of_one_line_has_the_written_defaults_and_no_hidden_limit() {
    let expected = Definition {
        name: "indexer".to_owned(),
        description: String::new(),
        command: vec!["true".to_owned()],
        working_directory: None,
        user: None,
        group: None,
        umask: 0o022,
        environment: Vec::new(),
        environment_files: Vec::new(),
        enabled: true,
        timing: Timing::default(),
        overlap: Overlap::Skip,
        queue_limit: QUEUE_LIMIT_DEFAULT,
        max_parallel: 1,
        timeout_ms: None,
        stop_signal: 15,
        grace_ms: GRACE_DEFAULT_MS,
        success_codes: vec![0],
        retry: Retry {
            attempts: 0,
            delay_ms: RETRY_DELAY_DEFAULT_MS,
            backoff: 2.0,
            max_delay_ms: RETRY_MAX_DELAY_DEFAULT_MS,
        },
        memory: Memory {
            max: None,
            high: None,
            swap_max: None,
            oom_group: true,
            claim: None,
            on_oom: OnOom::default(),
        },
        cpu: Cpu { weight: None, quota_millicpu: None },
        pids_max: None,
        nice: 0,
        oom_score_adjust: None,
        enforcement: EnforcementWish::Best,
        priority: 0,
        pool: None,
        queue_timeout_ms: None,
        output: Output {
            to: OutputTo::File,
            max: OUTPUT_MAX_DEFAULT,
            keep: OUTPUT_KEEP_DEFAULT,
            identifier: None,
        },
        accept: Accept::default(),
        allow: Allow::default(),
    };
    assert_eq!(good("command = [\"true\"]"), expected);
}

/// A file with every key but `every`, which `schedule` excludes.
pub(super) const FULL: &str = r#"
description = "Rebuilds the search index"
command = ["/usr/bin/python3", "-m", "app.index", "line\nline"]
working-directory = "/srv/app"
user = "www-data"
group = 1000
umask = "0027"
environment-file = ["/srv/env", "-/srv/env.local"]
enabled = false
schedule = ["30 2 * * *", "@reboot", "0 */5 * * * *"]
at-start = false
timezone = "Europe/Vienna"
jitter = "500ms"
catch-up = "none"
overlap = "parallel"
queue-limit = 3
max-parallel = 0x10
timeout = "2w"
stop-signal = "INT"
grace = "0s"
success-codes = [3, 0, 0o7, 3]
pids-max = 1_000
nice = -5
oom-score-adjust = -1000
enforcement = "required"
priority = -3
pool = "heavy"
queue-timeout = "2h"
retry = { attempts = 3, delay = "1m", backoff = 1, max-delay = "1d" }

[environment]
ZULU = "1"
ALPHA = "a b"

[memory]
max = "1.5G"
high = 1073741824
swap-max = "infinity"
oom-group = false
claim = "300M"
on-oom = { retry = 3, grow = 1.25, up-to = "6G" }

[cpu]
weight = 50
quota = "12.5%"

[output]
to = "file"
max = "64KiB"
keep = 30

[accept]
args = true
environment = ["SINCE", "_x1"]
input = true

[allow]
run = ["deploy", "@web", "1000"]
view = ["@support"]
"#;

#[test]
fn a_file_with_all_keys_means_what_it_says() {
    let strings = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let expected = Definition {
        name: "indexer".to_owned(),
        description: "Rebuilds the search index".to_owned(),
        command: strings(&["/usr/bin/python3", "-m", "app.index", "line\nline"]),
        working_directory: Some("/srv/app".into()),
        user: Some("www-data".to_owned()),
        group: Some("1000".to_owned()),
        umask: 0o027,
        environment: vec![("ZULU".into(), "1".into()), ("ALPHA".into(), "a b".into())],
        environment_files: vec![
            EnvironmentFile { path: "/srv/env".into(), optional: false },
            EnvironmentFile { path: "/srv/env.local".into(), optional: true },
        ],
        enabled: false,
        timing: Timing {
            schedules: strings(&["30 2 * * *", "0 */5 * * * *"]),
            every_ms: None,
            at_start: true,
            timezone: Some("Europe/Vienna".to_owned()),
            jitter_ms: 500,
            catch_up: CatchUp::None,
        },
        overlap: Overlap::Parallel,
        queue_limit: 3,
        max_parallel: 16,
        timeout_ms: Some(1_209_600_000),
        stop_signal: 2,
        grace_ms: 0,
        success_codes: vec![0, 3, 7],
        retry: Retry { attempts: 3, delay_ms: 60_000, backoff: 1.0, max_delay_ms: 86_400_000 },
        memory: Memory {
            max: Some(1_610_612_736),
            high: Some(1 << 30),
            swap_max: None,
            oom_group: false,
            claim: Some(300 << 20),
            on_oom: OnOom { retry: 3, grow_milli: 1_250, up_to: Some(6 << 30) },
        },
        cpu: Cpu { weight: Some(50), quota_millicpu: Some(125) },
        pids_max: Some(1000),
        nice: -5,
        oom_score_adjust: Some(-1000),
        enforcement: EnforcementWish::Required,
        priority: -3,
        pool: Some("heavy".to_owned()),
        queue_timeout_ms: Some(7_200_000),
        output: Output { to: OutputTo::File, max: 65_536, keep: 30, identifier: None },
        accept: Accept { args: true, environment: strings(&["SINCE", "_x1"]), input: true },
        allow: Allow { run: strings(&["deploy", "@web", "1000"]), view: strings(&["@support"]) },
    };
    assert_eq!(good(FULL), expected);
}

#[test]
fn a_checked_definition_survives_being_stored() {
    let definition = good(FULL);
    let stored = serde_json::to_string(&definition).unwrap();
    assert_eq!(serde_json::from_str::<Definition>(&stored).unwrap(), definition);
}

#[test]
fn swap_is_zero_where_memory_is_limited_and_nothing_else_is_said() {
    assert_eq!(good(&with_command("memory.max = \"1G\"")).memory.swap_max, Some(0));
    assert_eq!(
        good(&with_command("memory = { max = \"1G\", swap-max = \"1M\" }")).memory.swap_max,
        Some(1 << 20)
    );
    assert_eq!(
        good(&with_command("memory = { max = \"1G\", swap-max = \"infinity\" }")).memory.swap_max,
        None
    );
    assert_eq!(good(&with_command("memory.oom-group = true")).memory.swap_max, None);
}

#[test]
fn a_retry_with_more_memory_grows_by_half_unless_the_job_says_otherwise() {
    let on_oom = |table: &str| good(&with_command(&format!("memory.max = \"1G\"\n{table}"))).memory.on_oom;
    let grown = OnOom { retry: 2, grow_milli: 1_500, up_to: None };
    assert_eq!(on_oom("memory.on-oom = { retry = 2 }"), grown);
    assert_eq!(on_oom("[memory.on-oom]\nretry = 2"), grown);
    assert_eq!(on_oom("memory.on-oom = { retry = 2, grow = 10 }").grow_milli, 10_000);
    assert_eq!(on_oom("memory.on-oom = { retry = 2, grow = 1.0014 }").grow_milli, 1_001);
    assert_eq!(on_oom("memory.on-oom = \"fail\""), OnOom::default());
}

#[test]
fn parallel_runs_are_bounded_even_where_no_number_is_given() {
    assert_eq!(good(&with_command("overlap = \"parallel\"")).max_parallel, MAX_PARALLEL_DEFAULT);
    assert_eq!(good(&with_command("overlap = \"queue\"")).max_parallel, 1);
}

#[test]
fn a_umask_is_octal_digits_or_an_octal_number() {
    assert_eq!(good(&with_command("umask = \"077\"")).umask, 0o077);
    assert_eq!(good(&with_command("umask = 0o077")).umask, 0o077);
}

#[test]
fn a_schedule_is_one_string_or_several_and_reboot_is_a_start() {
    let timing = |text: &str| good(&with_command(text)).timing;
    assert_eq!(timing("schedule = \"@daily\"").schedules, ["@daily"]);
    let reboot = timing("schedule = \"@reboot\"");
    assert!(reboot.at_start && reboot.schedules.is_empty());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(good("\u{feff}command = [\"true\"]"), good("command = [\"true\"]"));
    let problem = &super::bad("\u{feff}comand = []")[0];
    assert_eq!(problem.place.as_ref().map(|place| (place.line, place.col)), Some((1, 1)));
}

#[test]
fn a_priority_is_a_share_of_cpu_where_the_file_sets_none() {
    let weight = |text: &str| good(&with_command(text)).weight_of_priority();
    assert_eq!(weight(""), None);
    assert_eq!(
        [weight("priority = 10"), weight("priority = 1"), weight("priority = -10")],
        [Some(931), Some(125), Some(11)]
    );
    assert_eq!(weight("priority = 5\ncpu.weight = 50"), None, "what the file says counts");
}
