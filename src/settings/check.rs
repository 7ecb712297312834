//! Known keys become [`Settings`], or problems. What values mean to each other is looked at in `compare`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::compare::{Budget, Pool, compare};
use super::keys::Section;
use super::read::{At, Reader};
use super::values::{check_cgroup, check_log, stop_within};
use super::{BudgetTable, PoolTable, Pressure, Settings};
use crate::job::{Percent, check_pool_name};
use crate::limits::{BUDGET_PARALLEL_MAX, MEMORY_MIN, POOLS_MAX};
use crate::problem::parse::parse;
use crate::problem::report::Report;
use crate::problem::source::Source;
use crate::problem::value::found;
use crate::problem::{Problem, TextProblem, shown};

/// Settings with the warnings about them, or every problem.
pub type Checked = Result<(Settings, Vec<Problem>), Vec<Problem>>;

/// Checks the text of a settings file, which problems call `path`, on a machine with `total` bytes of memory.
///
/// # Errors
/// Every problem of the text, in the order of the text, warnings included; at least one is an error.
pub fn check_text(path: &Path, text: &str, total: Option<u64>) -> Checked {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut report = Report::new(Source { path, text });
    let mut blanked = String::new();
    let root = parse(text, &mut blanked, &mut report);
    let mut reader = Reader { report };
    let mut settings = plain(&mut reader, &root);
    let budget = reader.table(&root, "budget").map(|table| budget(&mut reader, table));
    let pools = reader.table(&root, "pools").map_or_else(Vec::new, |table| pools(&mut reader, table));
    compare(&mut reader, budget.as_ref(), &pools, total);
    settings.budget = budget.map(|budget| BudgetTable {
        memory_place: budget.memory.as_ref().map(|memory| reader.report.source.place(&memory.span)),
        memory: budget.memory.map(|memory| memory.value),
        reserve: budget.reserve.map(|reserve| reserve.value),
        unknown: budget.unknown.map(|unknown| unknown.value),
        max_parallel: budget.max_parallel,
        pressure: budget.pressure,
    });
    settings.pools = pools.into_iter().map(Pool::into_table).collect();
    settings.pools.sort_by(|a, b| a.name.cmp(&b.name));
    let problems = reader.report.finish();
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok((settings, problems)) }
}

/// The keys above the first table.
fn plain<'t>(reader: &mut Reader<'t>, root: &'t DeTable<'t>) -> Settings {
    let mut settings = Settings::default();
    let none = |_: &DeValue<'_>, _: &str| None;
    for field in reader.fields(Section::Root, "", root) {
        match field.key.name {
            "jobs" => settings.jobs = reader.text(&field).map(path),
            "state" => settings.state = reader.text(&field).map(path),
            "socket" => settings.socket = reader.text(&field).map(path),
            "group" => settings.group = reader.text(&field).map(|text| text.value.to_owned()),
            "cgroup" => {
                let parse = |text: &str| check_cgroup(Path::new(text)).map(|()| text.into());
                settings.cgroup = reader.meaning(&field, parse, none).map(|cgroup| cgroup.value);
            }
            "log" => {
                let parse = |text: &str| check_log(text).map(|()| text.to_owned());
                settings.log = reader.meaning(&field, parse, none).map(|log| log.value);
            }
            "strict" => settings.strict = reader.flag(&field),
            "stop-within" => {
                let seconds = |value: &DeValue<'_>, written: &str| {
                    value.as_integer().map(|_| format!("\"{written}s\""))
                };
                settings.stop_within_ms = reader.meaning(&field, stop_within, seconds).map(|ms| ms.value);
            }
            other => debug_assert!(false, "`{other}` is in the table of keys and not read"),
        }
    }
    settings
}

fn path(text: At<&str>) -> PathBuf {
    PathBuf::from(text.value)
}

fn budget<'t>(reader: &mut Reader<'t>, table: &'t DeTable<'t>) -> Budget {
    let mut budget = Budget::default();
    for field in reader.fields(Section::Budget, "budget.", table) {
        match field.key.name {
            "memory" => budget.memory = reader.share(&field, MEMORY_MIN, false),
            "reserve" => budget.reserve = reader.share(&field, MEMORY_MIN, true),
            "unknown" => {
                budget.has_unknown = true;
                budget.unknown = reader.size(&field, MEMORY_MIN, false);
            }
            "max-parallel" => budget.max_parallel = reader.whole(&field, 1..=BUDGET_PARALLEL_MAX),
            "pressure" => {
                let unquoted = |value: &DeValue<'_>, written: &str| {
                    let off = value.as_bool() == Some(false);
                    let percent = value.as_integer().map(|_| format!("\"{written}%\""));
                    if off { Some("\"off\"".to_owned()) } else { percent }
                };
                let read = reader.meaning(&field, pressure, unquoted);
                budget.pressure = read.map_or_else(Pressure::default, |read| read.value);
            }
            other => debug_assert!(false, "`{other}` is in the table of keys and not read"),
        }
    }
    budget
}

/// `off`, or a whole percentage.
fn pressure(text: &str) -> Result<Pressure, TextProblem> {
    const HELP: &str = "write a percentage like `15%`, or `off`";
    let whole = 0..text.len();
    match text.parse::<Percent>() {
        _ if text == "off" => Ok(Pressure::Off),
        Ok(Percent(tenths)) if tenths % 10 == 0 => {
            Ok(u8::try_from(tenths / 10).map_or_else(|_| Pressure::default(), Pressure::Percent))
        }
        Ok(percent) => {
            let message = format!("`{percent}` is finer than ebbd looks");
            Err(TextProblem::new(whole, message, "write a percentage without decimals"))
        }
        Err(problem) if text.ends_with('%') => Err(problem),
        Err(_) => {
            let message = format!("`{}` is no pressure of memory", shown(text));
            Err(TextProblem::new(whole, message, HELP))
        }
    }
}

fn pools<'t>(reader: &mut Reader<'t>, tables: &'t DeTable<'t>) -> Vec<Pool> {
    let mut pools = Vec::new();
    // In the order of the file, so that it is the last ones that are too many.
    let mut entries: Vec<_> = tables.iter().filter(|(_, value)| !value.span().is_empty()).collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (at, (name, value)) in entries.into_iter().enumerate() {
        let (text, span) = (name.get_ref(), name.span());
        if at == POOLS_MAX {
            let message = format!("there are more than {POOLS_MAX} pools");
            reader.report.error_help(&span, message, "let jobs share pools, or limit each job by itself");
        }
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`pools.{}` is a table, not {}", shown(text), found(value.get_ref()));
            reader.report.error_help(&span, message, "write `[pools.NAME]`, and its keys below it");
            continue;
        };
        if let Err(problem) = check_pool_name(text) {
            reader.report.text_problem(&span, text, problem);
        }
        pools.push(pool(reader, text, &span, table));
    }
    pools
}

fn pool<'t>(reader: &mut Reader<'t>, name: &str, span: &Range<usize>, table: &'t DeTable<'t>) -> Pool {
    let prefix = format!("pools.{}.", shown(name));
    if table.is_empty() && !reader.report.is_broken() {
        let message = format!("the pool `{}` has no limit", shown(name));
        let help = "write `memory = \"2G\"` or `max-parallel = 2` below it, or take it out";
        reader.report.error_help(span, message, help);
    }
    let mut pool = Pool { name: name.to_owned(), memory: None, max_parallel: None };
    for field in reader.fields(Section::Pool, &prefix, table) {
        match field.key.name {
            "memory" => pool.memory = reader.share(&field, MEMORY_MIN, false),
            "max-parallel" => pool.max_parallel = reader.whole(&field, 1..=BUDGET_PARALLEL_MAX),
            other => debug_assert!(false, "`{other}` is in the table of keys and not read"),
        }
    }
    pool
}

impl Pool {
    fn into_table(self) -> PoolTable {
        PoolTable {
            name: self.name,
            memory: self.memory.map(|memory| memory.value),
            max_parallel: self.max_parallel,
        }
    }
}
