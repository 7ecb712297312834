/* spawnloop START_NS DURATION_MS PROGRAM [ARG...]: starts a program and waits for its end, again and again, one at a
 * time, from an instant of CLOCK_MONOTONIC on. Prints "runs elapsed_ns". The floor itself, and a client a job. */
#include "bench.h"

int main(int argc, char *argv[])
{
	int64_t start_ns, end_ns, runs = 0;

	if (argc < 4) {
		fputs("usage: spawnloop START_NS DURATION_MS PROGRAM [ARG...]\n", stderr);
		return 64;
	}
	sleep_until(atoll(argv[1]));
	start_ns = now_ns();
	end_ns = start_ns + atoll(argv[2]) * 1000000;
	do {
		reap(spawn_quiet(&argv[3]), argv[3]);
		runs++;
	} while (now_ns() < end_ns);
	printf("%lld %lld\n", (long long)runs, (long long)(now_ns() - start_ns));
	return 0;
}
