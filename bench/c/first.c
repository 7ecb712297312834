/* The job of the latency bench: its first act is to read the clock; then it writes what it read to the FIFO in argv[1].
 * Linked statically, so that nothing but the kernel's exec comes before. */
#include "bench.h"

int main(int argc, char *argv[])
{
	int64_t at_ns = now_ns();
	int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		die("open", argc == 2 ? argv[1] : "no FIFO: it is the one argument");
	return write(fd, &at_ns, sizeof at_ns) == sizeof at_ns ? 0 : 70;
}
