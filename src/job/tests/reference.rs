//! `docs/job-files.md` says what the code does.

use std::fs;
use std::path::Path;

use super::good;
use crate::job::reference_markdown;

#[test]
fn the_reference_in_docs_is_in_step_with_the_table_of_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/job-files.md");
    let page = reference_markdown();
    if std::env::var_os("EBB_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let in_step = fs::read_to_string(&path).is_ok_and(|text| text == page);
    assert!(in_step, "docs/job-files.md is out of step: EBB_BLESS=1 cargo test --lib job::tests::reference");
}

#[test]
fn the_example_of_the_reference_is_a_good_job() {
    let page = reference_markdown();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(good(example).timing.schedules, ["30 2 * * *"]);
}
