/*
 * Loaded before Kore (LD_PRELOAD) when valgrind runs it: the sandbox is not
 * entered. It refuses mappings that valgrind makes for itself, whatever the
 * mode; tests/http/test_sandbox.py looks at the sandbox itself.
 */
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int
prctl(int option, ...)
{
	unsigned long arguments[4];
	va_list list;

	if (option == PR_SET_SECCOMP)
		return 0;
	va_start(list, option);
	for (int i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	return (int)syscall(SYS_prctl, option, arguments[0], arguments[1],
	    arguments[2], arguments[3]);
}
