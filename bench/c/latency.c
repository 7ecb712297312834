/* latency ROUNDS WARMUP GAP_US FIFO < plan: from just before a client is spawned to the job's first instruction, and
 * to the client's return. Each line of the plan is one way to trigger the job: a name and the client's argv, separated
 * by tabs. Every round takes each of them once, in a new order, so that all share the machine's noise.
 * Prints "name<TAB>exec_ns<TAB>return_ns" a sample. */
#include "bench.h"
#include <poll.h>

enum { VARIANTS_MAX = 32, ARGS_MAX = 16, LINE_MAX_BYTES = 8192, JOB_DEADLINE_MS = 10000 };

struct variant {
	char line[LINE_MAX_BYTES];
	char *argv[ARGS_MAX + 1];
};

static struct variant variants[VARIANTS_MAX];

static int read_plan(void)
{
	int count = 0;

	while (count < VARIANTS_MAX && fgets(variants[count].line, LINE_MAX_BYTES, stdin)) {
		struct variant *v = &variants[count++];
		char *rest = v->line;
		int words = 0;
		v->line[strcspn(v->line, "\n")] = '\0';
		strsep(&rest, "\t");
		while (rest && words < ARGS_MAX)
			v->argv[words++] = strsep(&rest, "\t");
	}
	return count;
}

/* Fisher-Yates with a fixed seed: the same order of samples in every run of the bench. */
static void shuffle(int *order, int count)
{
	static uint32_t x = 2463534242u;

	for (int i = count - 1; i > 0; i--) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		int j = (int)(x % (uint32_t)(i + 1)), kept = order[i];
		order[i] = order[j], order[j] = kept;
	}
}

/* The instant that the job wrote; the wait for it is not part of either figure. */
static int64_t first_instruction(int fifo, const char *name)
{
	struct pollfd ready = { .fd = fifo, .events = POLLIN };
	int64_t at_ns;

	if (poll(&ready, 1, JOB_DEADLINE_MS) != 1) {
		errno = ETIMEDOUT;
		die("wait for the job of", name);
	}
	if (read(fifo, &at_ns, sizeof at_ns) != sizeof at_ns)
		die("read the job's instant of", name);
	return at_ns;
}

static void sample(const struct variant *v, int fifo, int counts)
{
	int64_t start_ns = now_ns(), exec_ns, return_ns;

	reap(spawn_quiet(v->argv), v->line);
	return_ns = now_ns() - start_ns;
	exec_ns = first_instruction(fifo, v->line) - start_ns;
	if (counts)
		printf("%s\t%lld\t%lld\n", v->line, (long long)exec_ns, (long long)return_ns);
}

int main(int argc, char *argv[])
{
	int order[VARIANTS_MAX], count, fifo, rounds, warmup;
	int64_t gap_ns;

	if (argc != 5) {
		fputs("usage: latency ROUNDS WARMUP GAP_US FIFO < plan\n", stderr);
		return 64;
	}
	rounds = atoi(argv[1]), warmup = atoi(argv[2]), gap_ns = atoll(argv[3]) * 1000;
	/* For reading and writing: a job's open never blocks, and its close is never the end of the file. */
	fifo = open(argv[4], O_RDWR | O_CLOEXEC);
	if (fifo < 0)
		die("open", argv[4]);
	count = read_plan();
	for (int i = 0; i < count; i++)
		order[i] = i;
	for (int round = 0; round < warmup + rounds; round++) {
		shuffle(order, count);
		for (int i = 0; i < count; i++) {
			sample(&variants[order[i]], fifo, round >= warmup);
			/* So that the daemon has reaped the job and written its record before anybody is measured again. */
			sleep_until(now_ns() + gap_ns);
		}
		fflush(stdout);
	}
	return 0;
}
