//! Every bound of ebb in one table, each with what happens at it.
//! A number that limits something and does not stand here (or in a job file) is a mistake.

/// Longest job name, in bytes; a longer file stem is a problem of that file.
pub const JOB_NAME_MAX: usize = 64;
/// Largest job file, in bytes; a larger one is a problem of that file and is not read.
pub const JOB_FILE_MAX: u64 = 64 * 1024;
/// Largest settings file, in bytes; a larger one is a problem and is not read.
pub const SETTINGS_FILE_MAX: u64 = 64 * 1024;
/// Largest baseline (`baseline.json`), in bytes; a larger one is a problem and is not read. Room for [`JOBS_MAX`] jobs.
pub const BASELINE_FILE_MAX: u64 = 4 * 1024 * 1024;
/// Most job files in a directory; those beyond it (in order of name) are a problem each.
pub const JOBS_MAX: usize = 10_000;
/// Most schedules in one job file; more are a problem.
pub const SCHEDULES_MAX: usize = 32;
/// Largest `environment-file`, in bytes; a larger one fails the start of the run.
pub const ENVIRONMENT_FILE_MAX: u64 = 1024 * 1024;
/// How far ahead a schedule is searched, in years; one that finds nothing by then never comes.
pub const SCHEDULE_HORIZON_YEARS: i16 = 30;

/// Largest zone file that is read, in bytes; of a larger one so much.
pub const ZONE_MAX: u64 = 256 * 1024;

/// Largest frame that a client may send, in bytes, its NUL not counted; a larger one ends the connection with an error.
pub const FRAME_MAX: usize = 64 * 1024;
/// Largest payload for a run's standard input, in bytes; more is refused.
pub const INPUT_MAX: u64 = 1024 * 1024;
/// Clients at the same time; one more is told so and closed. Where a fourth of the descriptors that ebbd may open is less, so
/// many, and more wait in the backlog.
pub const CLIENTS_MAX: usize = 64;
/// Of these, how many may be of one user who is neither root nor ebbd's own.
pub const CLIENTS_PER_USER_MAX: usize = 16;
/// Of these, how many may be of such users together, so that they can't keep the others out.
pub const CLIENTS_GUESTS_MAX: usize = 48;
/// How long no client is let in after that has failed (no descriptor left), in milliseconds; they wait in the backlog.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// How long a client may take to finish a frame that it began, in milliseconds; then it is closed.
pub const FRAME_TIMEOUT_MS: u64 = 10_000;
/// How long a client may leave a reply unread, in milliseconds; then it is closed.
pub const REPLY_TIMEOUT_MS: u64 = 10_000;
/// How long ebbd waits, before it goes without its runs, for those that are about to start or have just ended, in
/// milliseconds; then it goes all the same, and says so.
pub const SETTLE_MS: u64 = 5_000;
/// How long ebbd looks, once signals are held back for an upgrade, for those that have come before, in milliseconds.
pub const SIGNALS_LOOK_MS: u64 = 1;
/// How long a binary may take to say that it can take over from the ebbd that runs, in milliseconds; then it can't.
pub const PROBE_TIMEOUT_MS: u64 = 10_000;
/// As much of what it says is read, in bytes.
pub const PROBE_ANSWER_MAX: u64 = 4096;
/// How long ebbd waits at its end for clients to read what they were told, in milliseconds; then it ends without.
pub const PART_TIMEOUT_MS: u64 = 1_000;
/// How long ebbd hears at its end whether those who are connected have just asked for something, in milliseconds; who asks
/// later is cut off.
pub const LAST_CALL_MS: u64 = 100;
/// Replies waiting for one client; a client that is further behind is closed.
pub const REPLIES_PENDING_MAX: usize = 64;
/// Longest frame that the client reads from ebbd, in bytes; a longer one ends the client with an error.
pub const REPLY_MAX: usize = 64 * 1024 * 1024;
/// How long the client waits for an answer that is no run's end, in milliseconds; then it says so and ends.
pub const ANSWER_TIMEOUT_MS: u64 = 30_000;
/// How long a shell's completion waits for ebbd to name its jobs, in milliseconds; then it offers what has come.
pub const COMPLETION_TIMEOUT_MS: u64 = 1_000;
/// How long a client that waits for a run's end tries to reach an ebbd that has gone, in milliseconds; then it gives up.
pub const RECONNECT_MS: u64 = 60_000;
/// Most instants that one `ebb next` shows; more are a mistake in its usage.
pub const NEXT_COUNT_MAX: u32 = 100_000;
/// Arguments that a demand may carry; more are refused.
pub const ARGS_MAX: usize = 256;
/// Environment names that a demand may carry; more are refused.
pub const ENV_MAX: usize = 64;

/// Default of `queue-limit`: runs of one job that may wait.
pub const QUEUE_LIMIT_DEFAULT: u16 = 16;
/// Largest `queue-limit`.
pub const QUEUE_LIMIT_MAX: u16 = 1000;
/// Default of `max-parallel` where `overlap = "parallel"`.
pub const MAX_PARALLEL_DEFAULT: u16 = 4;
/// Largest `max-parallel`.
pub const MAX_PARALLEL_MAX: u16 = 1000;
/// Default of `grace`, in milliseconds: between the stop signal and the end of everything in the cgroup.
pub const GRACE_DEFAULT_MS: u64 = 10_000;
/// Default of `retry.backoff`.
pub const RETRY_BACKOFF_DEFAULT: f64 = 2.0;
/// Default of `retry.delay`, in milliseconds.
pub const RETRY_DELAY_DEFAULT_MS: u64 = 10_000;
/// Default of `retry.max-delay`, in milliseconds.
pub const RETRY_MAX_DELAY_DEFAULT_MS: u64 = 3_600_000;
/// Longest duration in a job file, in milliseconds (ten years); a longer one is a problem.
pub const DURATION_MAX_MS: u64 = 10 * 366 * 86_400_000;
/// Shortest `every`, in milliseconds; a shorter one is a problem.
pub const EVERY_MIN_MS: u64 = 1_000;
/// Largest size in a job file, in bytes (a pebibyte); a larger one is a problem.
pub const SIZE_MAX: u64 = 1 << 50;
/// Smallest `[memory] max` and `high`, in bytes; a smaller one is a problem, for hardly a program starts in it, and a
/// forgotten unit (`max = 512`) is the likely reason.
pub const MEMORY_MIN: u64 = 256 * 1024;
/// Smallest `[cpu] quota`, in thousandths of a CPU: the kernel takes no less than 1 ms of its period of 100 ms.
pub const CPU_QUOTA_MIN_MILLI: u32 = 10;
/// Largest `[cpu] quota`, in thousandths of a CPU: a thousand CPUs.
pub const CPU_QUOTA_MAX_MILLI: u32 = 1_000_000;
/// Largest `[cpu] weight`, as cgroup v2 has it; the smallest is 1.
pub const CPU_WEIGHT_MAX: u32 = 10_000;
/// Largest `pids-max`: the kernel's own bound of process ids (PID_MAX_LIMIT on 64 bits).
pub const PIDS_MAX_MAX: u32 = 4_194_304;
/// Lowest and highest `nice`, see setpriority(2).
pub const NICE_RANGE: std::ops::RangeInclusive<i32> = -20..=19;
/// Lowest and highest `oom-score-adjust`, see proc_pid_oom_score_adj(5).
pub const OOM_SCORE_ADJUST_RANGE: std::ops::RangeInclusive<i32> = -1000..=1000;
/// Most `retry.attempts`; more are a problem.
pub const RETRY_ATTEMPTS_MAX: u32 = 1000;
/// Largest `retry.backoff`; the smallest is 1.
pub const RETRY_BACKOFF_MAX: f64 = 100.0;
/// Longest `description`, in bytes; a longer one is a problem.
pub const DESCRIPTION_MAX: usize = 512;
/// Most `environment-file` entries in one job file; more are a problem.
pub const ENVIRONMENT_FILES_MAX: usize = 32;
/// Most problems that are told of one file; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;
/// Most symbolic links that are followed from a job file to what it stands for, as the kernel follows (path_resolution(7)).
pub const LINKS_MAX: usize = 40;

/// A slot that ebbd wakes for later than this, in milliseconds, counts as missed (the clock jumped, or the host slept).
pub const SLOT_LATE_MS: i64 = 60_000;
/// Slots of one schedule are at least this far apart, in milliseconds: `every` has `EVERY_MIN_MS`, crontab its seconds.
pub const SLOT_APART_MS: i64 = 1_000;
/// A clock set back by no more than this, in milliseconds, does not make a slot run a second time; by more, it does.
pub const CLOCK_BACK_MS: i64 = 600_000;
/// How long `getent` or `id` may take to answer for a directory service, in milliseconds; then the user counts as unknown.
pub const DIRECTORY_TIMEOUT_MS: u64 = 5_000;
/// How long nobody is asked after that, in milliseconds, so that who asks for users of a directory service that is down is told
/// so at once; a run whose user is looked for meanwhile waits.
pub const DIRECTORY_REST_MS: u64 = 30_000;
/// Questions that they are asked by one process of ebbd's, one after the other; more wait for the next process.
pub const DIRECTORY_QUESTIONS_MAX: usize = 256;
/// Longest answer of theirs, in bytes; a longer one is no answer.
pub const DIRECTORY_ANSWER_MAX: usize = 64 * 1024;

/// Default of `[output] max`, in bytes of disk a run.
pub const OUTPUT_MAX_DEFAULT: u64 = 64 * 1024 * 1024;
/// Smallest `[output] max`, in bytes; a smaller one is a problem (the file system frees whole blocks).
pub const OUTPUT_MAX_MIN: u64 = 64 * 1024;
/// Default of `[output] keep`: files a job.
pub const OUTPUT_KEEP_DEFAULT: u32 = 10;
/// Largest `[output] keep`; the smallest is 1.
pub const OUTPUT_KEEP_MAX: u32 = 10_000;
/// Longest `[output] identifier`, in bytes; a longer one is a problem.
pub const IDENTIFIER_MAX: usize = 64;
/// Longest entry in the systemd journal, in bytes: a longer line becomes several entries, all but the last of them marked
/// (journald's own LineMax= has the same default).
pub const JOURNALD_ENTRY_MAX: usize = 48 * 1024;
/// How long a line waits for a systemd journal that takes none, in milliseconds, while the run may be held up by its own
/// output; then lines are dropped and counted until the journal takes the next one.
pub const JOURNALD_STALL_MS: u64 = 30_000;
/// Pause between two attempts to reach a systemd journal that is not there, in milliseconds.
pub const JOURNALD_RETRY_MS: u64 = 50;
/// How long the carrier of a run's output stays after its last line for journald to take it, in milliseconds: journald
/// looks up who sent a line when it takes it.
pub const JOURNALD_LINGER_MS: u64 = 2_000;
/// How long ebbd waits at its end for the last lines of ended runs to reach the systemd journal, in milliseconds; then it
/// ends without, and they are on their own. Like each wait at its end it is shorter where the end has a bound
/// (`--stop-within`) that comes before.
pub const CARRIERS_TIMEOUT_MS: u64 = 2_000;
/// How long `ebb logs -f` waits after a run's end for its last lines to reach the systemd journal, in milliseconds; then
/// it ends without.
pub const JOURNALD_TAIL_MS: u64 = 5_000;

/// How long the service manager may take to read what it is told, in milliseconds; then that is not told.
pub const NOTIFY_TIMEOUT_MS: u64 = 1_000;
/// Shortest time between two status lines for it, in milliseconds; what changes in between is told at its end.
pub const STATUS_PAUSE_MS: u64 = 1_000;
/// What an end takes besides the longest grace of a run, in milliseconds, as the service manager is told.
pub const END_MARGIN_MS: u64 = 30_000;

/// How long a start waits for the lock of its state directory, in milliseconds; then ebbd says who has it and ends.
pub const LOCK_WAIT_MS: u64 = 1_000;
/// Size at which the journal is rotated, in bytes.
pub const JOURNAL_SEGMENT_MAX: u64 = 16 * 1024 * 1024;
/// As much of a full segment is read at once for the head of the next one, in bytes; in between everybody else is served.
pub const JOURNAL_TALLY_STEP: u64 = 64 * 1024;
/// Journal segments kept, the live one counted; the oldest beyond it is removed.
pub const JOURNAL_SEGMENTS_KEEP: usize = 8;
/// Longest journal line, in bytes, its newline counted; a longer one is not written, and one that is found is skipped
/// or, at the end, put aside as torn.
pub const JOURNAL_LINE_MAX: usize = 4 * 1024 * 1024;
/// Records kept in memory while the journal can't be written; what comes on top is lost with an error in the log.
pub const UNWRITTEN_MAX: usize = 1000;
/// Of these, how many may be skipped triggers, so that they leave room for what can't be told anew.
pub const UNWRITTEN_SKIPPED_MAX: usize = 500;
/// How long until the disk is tried again while something waits for room on it and nothing else happens, in milliseconds.
pub const UNWRITTEN_RETRY_MS: u64 = 5_000;
/// Torn ends of the journal that are kept aside, as files; the oldest beyond it is removed.
pub const JOURNAL_TORN_KEEP: usize = 4;
/// Warnings about single lines that one replay gives; the rest of them are counted.
pub const JOURNAL_WARNINGS_MAX: usize = 20;
/// How far back the wall clock may have been set, in milliseconds, before a history query with `since` misses what was
/// written ahead of that: it stops reading at the first entry so much older than `since`.
pub const HISTORY_SLACK_MS: i64 = 3_600_000;

/// How long a start that could not be had something for (a descriptor, a process, memory) is put off the first time, in
/// milliseconds; twice as long each time after that.
pub const START_AGAIN_MIN_MS: u64 = 250;
/// The longest that it is put off, in milliseconds; it is tried for as long as it takes.
pub const START_AGAIN_MAX_MS: u64 = 10_000;
/// To how many open descriptors ebbd raises its soft limit, at most to the hard one: 64 clients of up to four each, and some
/// four thousand runs of up to four each. A run that would take one of the last [`DESCRIPTORS_FOR_CLIENTS`] waits.
pub const DESCRIPTORS_MAX: u64 = 16_384;
/// Descriptors that no run takes, so that somebody can still get in to see and stop them.
pub const DESCRIPTORS_FOR_CLIENTS: usize = 24;
/// Of these, how many no client takes either: to end runs with, for the journal, for a reload; one more waits in the backlog.
/// Of fewer than 96 in all, no more than a fourth is kept for this or that.
pub const DESCRIPTORS_FOR_ENDS: usize = 12;

/// Jobs that the log names at a load for limits that nothing on the host holds; more are counted.
pub const UNHELD_NAMED_MAX: usize = 5;

/// Records of the kernel's log that are read after an OOM kill; what comes behind them is not looked at, and whose want of
/// memory it was is told by counters alone.
pub const KERNEL_LOG_MAX: u32 = 200_000;
/// Looks, five milliseconds apart, for the line that the kernel writes there after it has killed; then the victim is named
/// without its memory.
pub const KERNEL_LOG_LOOKS: u32 = 20;
/// Windows over which the kernel is asked to watch how much processes stand still for memory, in microseconds, the first
/// that it takes: who has no CAP_SYS_RESOURCE may ask for even seconds alone (since Linux 6.4; before, for none).
pub const PRESSURE_WINDOWS_US: [u32; 2] = [1_000_000, 2_000_000];
/// Looks, a millisecond apart, for the kill that an out-of-memory notice announces; then the kernel found memory after all.
pub const OOM_LOOKS: u32 = 500;
/// How long the reaper of a run that an earlier ebbd started may take to reap it, in milliseconds; then nobody knows how
/// it ended.
pub const EXIT_NOTE_MS: u64 = 10_000;
/// How long the end of ebbd may take where it is the first process of a container and nothing else was said (`--stop-within`),
/// in milliseconds: a second less than container engines give by default before they kill.
pub const STOP_WITHIN_PID1_MS: u64 = 9_000;
/// How long a start of ebbd waits for what an earlier one has left in the control group of a run that starts again, in
/// milliseconds; then that run is put off. So long its end waits for all that an earlier one has left; then the groups stay.
pub const SWEEP_MS: u64 = 1_000;
/// How long the last processes of a killed tree may take to vanish, in milliseconds; then the run ends without them
/// and the log names them (they are in uninterruptible sleep).
pub const TREE_VANISH_MS: u64 = 10_000;

/// Most points of the curve of a run's memory; where more time passes, neighbours are joined.
pub const CURVE_POINTS_MAX: usize = 256;
/// How long a slice of such a curve is at first, in milliseconds; it doubles whenever neighbours are joined.
pub const CURVE_SLICE_MIN_MS: u64 = 20;
/// Most runs of one `ebb measure`; more are a mistake in its usage.
pub const MEASURE_RUNS_MAX: u32 = 1_000;
/// Largest file that `ebb measure --baseline` reads, in bytes: [`MEASURE_RUNS_MAX`] runs take about half a megabyte. What is
/// behind that is not read, and the file is refused.
pub const MEASURE_FILE_MAX: u64 = 16 * 1024 * 1024;
/// Most packages of an import bill that are shown; the others are summed up in a line, and --json has all.
pub const MEASURE_PACKAGES_SHOWN: usize = 20;
/// Most processes of Python that are shown besides the dearest, and most packages that have become dearer, a line each;
/// --json has all.
pub const MEASURE_BILLS_SHOWN: usize = 5;
/// A package that costs so much more than in the baseline, in bytes, is named beside the figures; less is left out.
pub const MEASURE_GROWN_MIN: u64 = 1024 * 1024;
/// The longest pause between two looks of `ebb measure` at its run, in milliseconds; it is longer where a look takes more
/// than a twentieth of it.
pub const MEASURE_LOOK_MS: u64 = 20;
/// Longest forecast, in hours; more are a mistake in its usage.
pub const FORECAST_HOURS_MAX: u32 = 168;
/// Most starts of one job that a forecast looks at; what comes later is left out.
pub const FORECAST_STARTS_MAX: usize = 20_000;
/// Newest lines of the history that `ebb suggest` reads: of one job, and of all together.
pub const SUGGEST_RUNS_MAX: u64 = 200;
/// See [`SUGGEST_RUNS_MAX`].
pub const SUGGEST_LINES_MAX: u64 = 10_000;
/// Most slots that one `ebb suggest` moves, and the largest jobs of a highest minute that it tries to move.
pub const SUGGEST_MOVES_MAX: usize = 16;
/// Most slices of time that a report draws the memory of the host in; where more time passes, neighbours are joined, the higher
/// of which counts.
pub const REPORT_SLICES_MAX: usize = 480;
/// Jobs that a report tells apart in one slice, the largest; what others held is drawn as theirs together.
pub const REPORT_STACK_MAX: usize = 16;
/// Pieces that the curve of a run has when runs are summed up; longer ones are joined, the higher of which counts.
pub const REPORT_PIECES_MAX: usize = 64;
/// Curves of one job that a report keeps, the newest, besides that of its largest run.
pub const REPORT_CURVES_MAX: usize = 8;
/// Runs that a report ranks as slowest, and as largest.
pub const REPORT_RANKED_MAX: usize = 5;
/// A run that started so long after its trigger, in milliseconds, has waited; a sooner one has not.
pub const REPORT_WAIT_MIN_MS: u64 = 1_000;
/// 2020-01-01 UTC in milliseconds since 1970: a clock that shows less was not set when the run began, and its time is not
/// counted as one that a report goes back to.
pub const REPORT_CLOCK_SET_MS: i64 = 1_577_836_800_000;
/// Runs of a job that have to have succeeded before ebb says what the next one needs.
pub const LEARNED_RUNS_MIN: u32 = 3;
/// Least margin on top of a learned peak, in bytes; it is a tenth of the peak where that is more.
pub const CLAIM_MARGIN_MIN: u64 = 16 * 1024 * 1024;
/// Default of the budget's `unknown`, in bytes: what a run claims of which nothing is known.
pub const CLAIM_UNKNOWN_DEFAULT: u64 = 256 * 1024 * 1024;
/// Lowest and highest `priority`.
pub const PRIORITY_RANGE: std::ops::RangeInclusive<i8> = -10..=10;
/// Shortest `queue-timeout`, in milliseconds; a shorter one is a problem.
pub const QUEUE_TIMEOUT_MIN_MS: u64 = 1_000;
/// Largest `max-parallel` of the budget and of a pool: about as many runs as ebbd has descriptors for.
pub const BUDGET_PARALLEL_MAX: u16 = 4_000;
/// Most pools in the settings; more are a problem.
pub const POOLS_MAX: usize = 256;
/// Largest `retry` of `on-oom`.
pub const ON_OOM_RETRY_MAX: u32 = 10;
/// Default of `grow` of `on-oom`, in thousandths.
pub const ON_OOM_GROW_DEFAULT_MILLI: u32 = 1_500;
/// Smallest and largest `grow` of `on-oom`, in thousandths.
pub const ON_OOM_GROW_RANGE_MILLI: std::ops::RangeInclusive<u32> = 1_001..=10_000;
/// Default of the budget's `pressure`, in hundredths: the share of a second in which some process stood still for memory.
pub const PRESSURE_DEFAULT_PERCENT: u8 = 15;
/// How much waiting one step of `priority` counts for, in milliseconds.
pub const PRIORITY_STEP_MS: u64 = 600_000;
/// How long a run is the first of those that wait for memory before nothing passes it any more by being likely to end in
/// time, in milliseconds.
pub const FIRM_AFTER_MS: u64 = 600_000;
/// How long until it is looked once more whether the host has memory again for a run that waits, in milliseconds; twice as
/// long each time after that.
pub const LOOK_AGAIN_MIN_MS: u64 = 1_000;
/// The longest of these pauses, in milliseconds.
pub const LOOK_AGAIN_MAX_MS: u64 = 16_000;
/// How long starts are held back at least after the kernel's last notice of memory pressure, in milliseconds.
pub const PRESSURE_QUIET_MS: u64 = 10_000;
/// Memory pressure holds back starts only while less than this part of all memory is left: with more, who stands still does so
/// at a limit of their own.
pub const PRESSURE_LEFT_PART: u64 = 4;
/// Starts are let go once the average pressure is this part of what holds them back.
pub const PRESSURE_RELEASE_PART: u32 = 3;

/// Shortest and longest `--for` of `ebb audit`, in milliseconds; others are a mistake in its usage.
pub const AUDIT_WINDOW_RANGE_MS: std::ops::RangeInclusive<u64> = 500..=86_400_000;
/// Shortest and longest pause between two looks of an audit, in milliseconds; a sixtieth of its window in between.
pub const AUDIT_PAUSE_RANGE_MS: std::ops::RangeInclusive<u64> = 50..=1_000;
/// A process with less anonymous memory than this, in bytes, is looked at only at the beginning and the end of an audit.
pub const AUDIT_PULSE_MIN: u64 = 1024 * 1024;
/// A finding is worth its words from so many bytes on, which a change would give back; what is smaller is not named.
pub const AUDIT_WORTH_MIN: u64 = 8 * 1024 * 1024;
/// The same of a library's files in memory: its heap, which nobody can tell from outside, comes on top.
pub const AUDIT_LIBRARY_MIN: u64 = 4 * 1024 * 1024;
/// CPU time, in thousandths of one CPU, up to which a service does hardly anything.
pub const AUDIT_IDLE_MILLI: u64 = 10;
/// The same for one that was seen to wake at an interval, and for workers together: one process could do it all.
pub const AUDIT_CALM_MILLI: u64 = 200;
/// CPU time that it had or waited for, in thousandths of one CPU, from which on a service works that has had hardly any: the
/// host is short of CPUs.
pub const AUDIT_WANTS_MILLI: u64 = 500;
/// Windows from these on, in milliseconds, carry a medium and a high confidence; shorter ones a low one.
pub const AUDIT_CONFIDENCE_MS: [u64; 2] = [30_000, 600_000];
/// What is younger than this, in milliseconds, may still be warming up: no more than a low confidence.
pub const AUDIT_YOUNG_MS: u64 = 600_000;
/// Anonymous memory that has grown by less than this, in bytes, over a window has not grown.
pub const AUDIT_GROWTH_MIN: u64 = 1024 * 1024;
/// The same since an earlier audit.
pub const AUDIT_GROWTH_SINCE_MIN: u64 = 4 * 1024 * 1024;
/// Shortest interval, in milliseconds, that `ebb audit --write` writes into a job file; a shorter one stands there as a comment.
pub const AUDIT_EVERY_MIN_MS: u64 = 10_000;
/// The earlier audit has to be so long ago, in milliseconds, where it is the only one: two looks are a difference, not a trend.
pub const AUDIT_SINCE_MIN_MS: u64 = 600_000;
/// Earlier figures of a process that are kept, the first among them; the oldest behind it go.
pub const AUDIT_REMEMBERED_MAX: usize = 16;
/// Processes of which earlier figures are kept; those seen longest ago go.
pub const AUDIT_REMEMBERED_PROCESSES_MAX: usize = 4_000;
/// Largest file of earlier figures, in bytes; a larger one is not read, and is written anew.
pub const AUDIT_REMEMBERED_FILE_MAX: u64 = 4 * 1024 * 1024;
/// Sources of one service that an audit searches for what they import, and as much of each, in bytes.
pub const AUDIT_SOURCES_MAX: usize = 200;
/// See [`AUDIT_SOURCES_MAX`].
pub const AUDIT_SOURCE_BYTES_MAX: u64 = 256 * 1024;
/// Imports of one service that `ebb audit --imports` carries out; the rest is left out.
pub const AUDIT_IMPORTS_MAX: usize = 1_000;
/// Services whose imports an audit weighs, those that hold most; the others are counted.
pub const AUDIT_WEIGHED_MAX: usize = 20;
/// Time for those of all services, in milliseconds; none is begun after it, and those that are left are counted.
pub const AUDIT_WEIGHED_MS: u64 = 300_000;
/// Time for the imports of one service, in milliseconds; then they are ended, and it is said.
pub const AUDIT_IMPORTS_MS: u64 = 60_000;
/// Time beyond that for finding and ending them, in milliseconds.
pub const AUDIT_ANSWER_GRACE_MS: u64 = 15_000;
/// Time that one has to end by itself when it is asked to, in milliseconds; then it is killed.
pub const AUDIT_END_MS: u64 = 1_000;
/// Most bytes that an interpreter may say; of more the rest is passed over.
pub const AUDIT_ANSWER_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a figure on the bill of a service's imports; one with more was forged by a package, and is none.
pub const AUDIT_IMPORT_BYTES_MAX: u64 = 1 << 40;
/// Most characters of what an interpreter says of a failure that are repeated.
pub const AUDIT_WHY_MAX: usize = 500;
/// Symbolic links that are followed to find who can change what an interpreter loads by itself; where there are more, others
/// count as able to.
pub const AUDIT_LINKS_MAX: u32 = 1_000;
/// Imports are not weighed where the host has less memory left than this many times what the service holds.
pub const AUDIT_ROOM_TIMES: u64 = 2;
/// Different peers that an audit counts at one port, and connections of one network namespace that it knows; more are not
/// told apart from none.
pub const AUDIT_PEERS_MAX: usize = 100_000;
/// Entries of one directory of sources that an audit looks at; others own it, and can put in as many as they like.
pub const AUDIT_ENTRIES_MAX: usize = 4_000;
/// Most bytes of a process's words, and of its environment, that an audit takes in; of more it takes none.
pub const AUDIT_WORDS_MAX: u64 = 256 * 1024;
/// Characters of a service's name; what a process calls itself beyond that is left out.
pub const AUDIT_NAME_MAX: usize = 255;
/// Services that the table of an audit shows; the rest is summed up, unless all are asked for.
pub const AUDIT_ROWS: usize = 20;
