//! What the imports of services cost, for people: a table each. Knows nothing of how that came about.

use crate::audit::Imports;
use crate::cli::failure::Failure;
use crate::cli::figures::{self, counted, size};
use crate::cli::measure::show_imports;
use crate::cli::screen::{HEADING, Look, NOTICE, QUIET, Screen};

use super::imports::Weighed;
use super::ranking::Judged;

/// Imports that failed and are named, of one service.
const FAILED: usize = 5;

/// Prints the bills, in the order of the services.
///
/// # Errors
/// When they can't be printed.
pub(super) fn print(judged: &[Judged<'_>], screen: &mut Screen) -> Result<(), Failure> {
    for one in judged {
        if let Some(imports) = one.service.imports() {
            screen.say("")?;
            screen.print(&text(&one.service.name, imports, screen.look))?;
        }
    }
    Ok(())
}

fn text(service: &str, imports: &Imports, look: Look) -> String {
    let bill = &imports.bill;
    let head = format!(
        "what {} imports: {} in {}",
        figures::one_line(service),
        size(bill.imports_bytes),
        figures::duration(bill.imports_us / 1000)
    );
    let facts = format!(
        "; pid {} holds {}, {} of it the interpreter (Python {}, imported anew as {})",
        imports.pid,
        size(imports.resident_bytes),
        size(bill.interpreter_bytes),
        figures::one_line(&bill.python),
        figures::one_line(&imports.user)
    );
    let mut text = format!("{}{facts}\n", look.paint(HEADING, &head));
    text += &show_imports::packages(bill, look, |package| {
        // What the sources import by themselves can have come with something else before.
        let place = imports.places.get(&package.name).cloned();
        let by = place.or_else(|| package.brought_by.clone()).unwrap_or_default();
        figures::one_line(&by)
    });
    for failed in imports.failed.iter().take(FAILED) {
        let told = format!("{} could not be imported: {}", failed.module, failed.why);
        text += &format!("  {}\n", look.paint(QUIET, &figures::one_line(&told)));
    }
    if let Some(more) = imports.failed.len().checked_sub(FAILED).filter(|more| *more > 0) {
        text += &format!("  {}\n", look.paint(QUIET, &format!("nor could {more} more; --json has them all")));
    }
    text
}

/// Says of what there is no bill, and why.
///
/// # Errors
/// When it can't be printed.
pub(super) fn notes(weighed: &Weighed, judged: &[Judged<'_>], screen: &mut Screen) -> Result<(), Failure> {
    if weighed.count == 0 && weighed.not.is_empty() {
        return screen
            .remark(NOTICE, "--imports: none of these services runs on a Python and holds 8M or more");
    }
    for one in judged {
        if let Some(why) = weighed.not.get(&one.service.main().process.pid) {
            let told = format!("imports of {} were not weighed: {why}", one.service.name);
            screen.remark(NOTICE, &figures::one_line(&told))?;
        }
    }
    if weighed.left_out > 0 {
        let told = format!(
            "imports of {} more were not weighed: name one of them",
            counted(weighed.left_out as u64, "service")
        );
        screen.remark(QUIET, &told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Watched;
    use crate::measure::Bill;

    #[test]
    fn what_packages_write_on_a_bill_does_nothing_to_a_terminal() {
        let odd = "3.11\u{1b}]0;x\u{7}".to_owned();
        let start = format!(
            "start\t1\t1\t{odd}\t1000\t1000\nimport\t{odd}\t{odd}\t0\t0\t9000000\t0\t0\t9000000\t0\t0\n"
        );
        let bill = Bill::read(&start).unwrap();
        let failed = format!("ebb-import-failed\t{odd}\t{odd}\n");
        let imports = Imports::of(&Watched::default(), odd.clone(), &[], bill, &failed);
        let text = text(&odd, &imports, Look::PLAIN);
        assert!(text.contains("(Python 3.11 ]0;x") && text.contains("could not be imported"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}
