//! What is no schedule: each refusal points at the bytes that it means, gives the reason, and says what to write instead.

use ebb::schedule::Schedule;

/// `«` and `»` stand around what the error must point at.
#[track_caller]
fn refused(marked: &str, message: &str, help: &str) {
    let start = marked.find('«').unwrap();
    let end = marked.find('»').unwrap() - '«'.len_utf8();
    let text = marked.replace(['«', '»'], "");
    let error = Schedule::parse(&text, "job").expect_err(&format!("`{text}` was accepted"));
    assert!(error.message.contains(message), "`{text}`: message is `{}`", error.message);
    let said = error.help.unwrap_or_else(|| panic!("`{text}`: no help"));
    assert!(said.contains(help), "`{text}`: help is `{said}`");
    assert_eq!(error.span, start..end, "`{text}`: points at `{}`", &text[error.span.clone()]);
}

#[test]
fn a_step_larger_than_its_range() {
    refused(
        "*/«90» * * * *",
        "larger than its range 0-59",
        "write `0` if that is meant, or `every = \"90m\"`",
    );
    refused("*/«60» * * * *", "larger than its range 0-59", "`every = \"60m\"`");
    refused("0 */«24» * * *", "it would only ever give one hour", "`every = \"24h\"`");
    refused("*/«60» * * * * *", "it would only ever give one second", "`every = \"60s\"`");
    refused("0 0 */«31» * *", "larger than its range 1-31", "write `1` if that is meant");
    refused("0 0 * */«12» *", "larger than its range 1-12", "write `1`");
    refused("0 0 * * */«7»", "larger than its range 0-6", "write `0`");
    refused("10-20/«11» * * * *", "larger than its range 10-20", "write `10`");
    refused("H/«60» * * * *", "larger than its range 0-59", "write `H` if that is meant");
    refused("*/«99999999999999999999» * * * *", "larger than its range", "write `0`");
}

#[test]
fn a_step_that_is_none() {
    refused("*/«0» * * * *", "a step of 0 never gets anywhere", "`*/2` for every other one");
    refused("*«/» * * * *", "no number behind the `/`", "`*/2`");
    refused("*/«x» * * * *", "a step is a number", "`*/2`");
    refused("*/«2/3» * * * *", "a step is a number", "`*/2`");
    refused("*/«-5» * * * *", "a step is a number", "`*/2`");
    refused("«/5» * * * *", "nothing before the `/`", "write `*/5`");
    refused("«5/15» * * * *", "a step only after `*` or a range", "write `5-59/15`");
    refused("«59/15» * * * *", "a step only after `*` or a range", "write `59` for that one alone");
    refused("0 0 * * «mon/2»", "a step only after `*` or a range", "write `1-6/2`");
}

#[test]
fn a_day_that_never_comes() {
    refused("0 0 «30 2» *", "there is no day 30 in feb: it ends on the 29th", "from 1 to 29");
    refused("0 0 «30,31 feb» *", "there is no day 30,31 in feb", "from 1 to 29");
    refused("0 0 «31 4,jun,9,11» *", "no day 31 in apr, jun, sep, nov: they end on the 30th", "from 1 to 30");
    refused("0 0 «31 2,4» *", "no day 31 in feb, apr", "from 1 to 30");
    refused("0 0 «30 2» */2", "no day 30 in feb", "or a longer month");
    // The day of week is enough here.
    assert!(Schedule::parse("0 0 30 2 1", "job").is_ok());
    assert!(Schedule::parse("0 0 29 2 *", "job").is_ok());
    assert!(Schedule::parse("0 0 31 2,3 *", "job").is_ok());
}

#[test]
fn a_range_that_runs_backwards_or_has_no_two_ends() {
    refused("0 «22-2» * * *", "runs backwards, from 22 to 2", "write `22-23,0-2`");
    refused("0 «23-0» * * *", "runs backwards, from 23 to 0", "write `23,0`");
    refused("0 0 * «nov-feb» *", "runs backwards, from 11 to 2", "write `11-12,1-2`");
    refused("0 0 * * «5-0»", "runs backwards, from 5 to 0", "write `5-7`");
    refused("0 0 * * «fri-mon»", "runs backwards, from 5 to 1", "write `5-6,0-1`");
    refused("«5-» * * * *", "only one end", "`0-59`");
    refused("«-5» * * * *", "only one end", "`0-59`");
    refused("«-» * * * *", "only one end", "`0-59`");
    refused("«1-5-9» * * * *", "more than two ends", "with commas between");
}

#[test]
fn a_number_out_of_range() {
    refused("«60» * * * *", "60 is out of range: the minute goes from 0 to 59", "write `0`");
    refused("0 «24» * * *", "24 is out of range: the hour goes from 0 to 23", "write `0` for midnight");
    refused("0 0 «0» * *", "0 is out of range: the day of month goes from 1 to 31", "from 1 to 31");
    refused("0 0 «32» * *", "32 is out of range", "from 1 to 31");
    refused("0 0 1 «13» *", "13 is out of range: the month goes from 1 to 12", "from 1 to 12");
    refused("0 0 * * «8»", "8 is out of range: the day of week goes from 0 to 7", "0 is Sunday (7 as well)");
    refused("0 0-«30» * * *", "30 is out of range", "from 0 to 23");
    refused("«99999999999999999999» * * * *", "is out of range", "from 0 to 59");
    refused("0,30,«75» * * * *", "75 is out of range", "from 0 to 59");
}

#[test]
fn too_few_or_too_many_fields() {
    refused("«5 3»", "there are only 2 fields", "`5 3 * * *`");
    refused("«0 3 * *»", "there are only 4 fields", "`0 3 * * *`");
    refused(" «hourly» ", "there is one field", "put `*` where anything goes");
    refused("0 0 3 * * * «2030»", "there are 7 fields", "no field for the year");
    refused("0 3 * * * * «/usr/bin/indexer --all»", "there are 8 fields", "belongs in `command`");
    refused("0 3 * * * * «# nightly»", "there are 8 fields", "behind the string");
    refused("«»", "there is no schedule here", "`0 3 * * *`");
    refused("«   »", "there is no schedule here", "`@daily`");
    refused("0 3 * * *«\n»0 15 * * 6", "one line", "as a list");
}

#[test]
fn a_slip_with_the_field_for_seconds() {
    refused("0 0 0 1 1 «2030»", "out of range: the day of week", "of six fields, the first is the second");
    refused(
        "«60» 0 3 * * *",
        "60 is out of range: the second goes from 0 to 59",
        "of six fields, the first is the second",
    );
    refused("0 3 * * * «/usr/bin/indexer»", "this is a command", "command = [\"/usr/bin/indexer\"]");
    refused("0 3 * * * «root»", "`root` is no day of week", "of six fields, the first is the second");
    refused(
        "0 0 1 * «mon» *",
        "`mon` is a day of week, and this is the field for the month",
        "the order of the fields",
    );
}

#[test]
fn an_empty_item_of_a_list() {
    refused("«,»5 * * * *", "nothing on one side of this comma", "write `5`");
    refused("5«,» * * * *", "nothing on one side of this comma", "write `5`");
    refused("1«,»,2 * * * *", "nothing on one side of this comma", "write `1,2`");
    refused("0 «,» * * *", "nothing on one side of this comma", "write `*`");
}

#[test]
fn a_macro_that_does_not_exist() {
    refused("«@dayly»", "there is no macro `@dayly`", "write `@daily`");
    refused("«@anually»", "there is no macro `@anually`", "write `@annually`");
    refused(" «@MONTLY»", "there is no macro `@MONTLY`", "write `@monthly`");
    refused("«@»", "there is no macro `@`", "the macros are @hourly, @daily");
    refused("«@xyz»", "there is no macro", "the macros are @hourly, @daily");
    refused("«@every»", "crontab has no `@every`", "`every = \"10m\"`");
    refused("@daily «/usr/bin/indexer»", "`@daily` stands alone", "`command`");
    refused("@every «10m»", "stands alone", "take this out");
}

#[test]
fn a_name_that_does_not_exist() {
    refused("0 0 * «janury» *", "`janury` is no month", "write `jan`");
    refused("0 0 * * «Monday»", "`Monday` is no day of week", "write `mon`");
    refused("0 0 * * «tuu»", "`tuu` is no day of week", "write `tue`");
    refused("0 0 * * «xyz»", "`xyz` is no day of week", "the names are sun, mon, tue");
    refused(
        "0 0 * «fri» *",
        "`fri` is a day of week, and this is the field for the month",
        "the order of the fields",
    );
    refused("«noon» * * * *", "`noon` is no minute", "a number from 0 to 59");
    refused("0 «3pm» * * *", "`3pm` is no hour", "a number from 0 to 23");
    refused("0 0 * mar-«x1» *", "`x1` is no month", "a number from 1 to 12 or a name");
}

#[test]
fn characters_that_crontab_does_not_have() {
    refused("0 0 «?» * 1", "crontab has no `?`", "write `*`");
    refused("0 0 «L» * *", "crontab has no `L`", "`28-31`");
    refused("0 0 * * «5L»", "crontab has no `L`", "`28-31`");
    refused("0 0 «15W» * *", "crontab has no `W`", "as numbers");
    refused("0 0 «LW» * *", "crontab has no `W`", "as numbers");
    refused("0 0 * * 1«#»2", "crontab has no `#`", "let the job itself look at the date");
    refused("0 3 * * * «#»nightly", "a schedule has no comment", "behind the string");
    refused("0«~»59 * * * *", "no `~`", "`H(0-29)`");
    refused("0 0 * * 1«%»", "no `%`", "`command`");
    refused("0 «+»5 * * *", "`+` means nothing in the field for the hour", "numbers (0 to 23)");
    refused("0 3«é» * * *", "`é` means nothing", "a field is made of");
    refused("0 3«\u{a0}»* * * *", "means nothing", "a field is made of");
    refused("«**» * * * *", "`*` stands alone", "`*/5`");
    refused("«*5» * * * *", "`*` stands alone", "`*/5`");
    refused("«5-*» * * * *", "`*` stands alone", "`*/5`");
}

#[test]
fn an_h_with_the_wrong_things_behind_it() {
    refused("«H5» * * * *", "behind `H` comes a range in parentheses", "`H(0-59)`");
    refused("«H-5» * * * *", "behind `H` comes a range in parentheses", "`H(0-59)`");
    refused("«H(0-29» * * * *", "behind `H` comes a range in parentheses", "`H(0-59)`");
    refused("«H(5)» * * * *", "behind `H` comes a range in parentheses", "`H(0-59)`");
    refused("H(«30-20») * * * *", "runs backwards", "`20-30`");
    refused("H(0-«60») * * * *", "60 is out of range", "write `0`");
    refused("0 0 H(«1-31») * *", "`H` may go up to 28 here: not every month", "write `H(1-28)`");
    refused("0 0 * * H(«0-7»)", "`H` may go up to 6 here: 0 is Sunday as well", "write `H(0-6)`");
    refused("«(1»-5) * * * *", "`(1` is no minute", "a number from 0 to 59");
}

/// No text makes the parser panic, and every refusal points into the text at whole characters.
#[test]
fn any_text_is_either_accepted_or_refused_with_a_span_inside_of_it() {
    let seed = crate::support::env_number("EBB_SCHEDULE_SEED", fastrand::u64(..));
    let mut rng = fastrand::Rng::with_seed(seed);
    let bits = [
        "*", "0", "5", "31", "60", "-", "/", ",", " ", " ", " ", "H", "(", ")", "mon", "feb", "L", "é", "#",
        "@", "daily", "\n",
    ];
    for _ in 0..20_000 {
        let text: String = (0..rng.usize(0..16)).map(|_| bits[rng.usize(..bits.len())]).collect();
        let Err(error) = Schedule::parse(&text, "job") else { continue };
        assert!(text.get(error.span.clone()).is_some(), "seed {seed}: {text:?}: {:?}", error.span);
        assert!(!error.span.is_empty() || text.is_empty(), "seed {seed}: {text:?} points at nothing");
        assert!(
            error.help.is_some(),
            "seed {seed}: {text:?}: {} says nothing to write instead",
            error.message
        );
    }
}
