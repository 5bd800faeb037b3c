/*
 * What db*.c needs of Kore, on epoll alone: included by a test, so that links
 * run against a real PostgreSQL without a server. As strict as Kore 4.1:
 * what is fatal there ends the test here.
 */
#include <sys/epoll.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <kore/kore.h>

static int stub_epoll = -1;
static struct kore_timer stub_timers[4];
static size_t stub_n_timers;

void
fatal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

u_int64_t
kore_time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u_int64_t)now.tv_sec * 1000 + (u_int64_t)now.tv_nsec / 1000000;
}

void
kore_platform_event_schedule(int fd, int type, int flags, void *arg)
{
	struct epoll_event event = { .events = (uint32_t)type,
		.data.ptr = arg };

	(void)flags;
	if (stub_epoll < 0)
		stub_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(stub_epoll, EPOLL_CTL_ADD, fd, &event) != 0 &&
	    (errno != EEXIST ||
	        epoll_ctl(stub_epoll, EPOLL_CTL_MOD, fd, &event) != 0))
		fatal("epoll_ctl: %s", strerror(errno));
}

struct kore_timer *
kore_timer_add(
    void (*cb)(void *, u_int64_t), u_int64_t interval, void *arg, int flags)
{
	struct kore_timer *timer = &stub_timers[stub_n_timers++];

	timer->cb = cb;
	timer->arg = arg;
	timer->interval = interval;
	timer->flags = flags;
	timer->nextrun = kore_time_ms() + interval;
	return timer;
}

static void
stub_turn(void)
{
	struct epoll_event events[64];
	int n = epoll_wait(stub_epoll, events, 64, 10);

	for (int i = 0; i < n; i++) {
		struct kore_event *event = events[i].data.ptr;

		event->flags |=
		    (events[i].events & EPOLLIN) ? KORE_EVENT_READ : 0;
		event->flags |=
		    (events[i].events & EPOLLOUT) ? KORE_EVENT_WRITE : 0;
		event->handle(
		    event, (events[i].events & (EPOLLERR | EPOLLHUP)) != 0);
	}
	for (size_t i = 0; i < stub_n_timers; i++)
		if (kore_time_ms() >= stub_timers[i].nextrun) {
			stub_timers[i].cb(stub_timers[i].arg, kore_time_ms());
			stub_timers[i].nextrun =
			    kore_time_ms() + stub_timers[i].interval;
		}
}

/* Turn the loop until done() or for so long; whether done() was. */
static bool
stub_run(bool (*done)(void), u_int64_t for_ms)
{
	u_int64_t end = kore_time_ms() + for_ms;

	while (!done()) {
		if (kore_time_ms() >= end)
			return false;
		stub_turn();
	}
	return true;
}
