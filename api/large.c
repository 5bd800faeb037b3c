/*
 * Bodies that Kore takes to disk.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "large.h"

#include "route.h"

/* Those under way; request is NULL in a free place. */
static struct {
	const void *request;
	char client[sizeof(((struct caller *)NULL)->client)];
} under_way[LARGE_AT_ONCE];

static bool has_room(const char *client);

bool
large_admit(const struct input *in, const char *address, struct mem *mem,
    struct caller *caller, struct problem *p)
{
	struct route route;

	route_find(in->method, in->path, mem, &route);
	if (route.operation == NULL ||
	    route.operation->body_kind != BODY_UPLOAD) {
		p->code = "body_too_large";
		return false;
	}
	if (!caller_from_header(
	        in->headers[HEADER_AUTHORIZATION], address, mem, caller, p) ||
	    !caller_may(caller, route.operation, mem, p))
		return false;
	if (!has_room(caller->client)) {
		p->code = "overloaded";
		return false;
	}
	return true;
}

static bool
has_room(const char *client)
{
	size_t places = 0, own = 0;

	for (size_t i = 0; i < LARGE_AT_ONCE; i++) {
		if (under_way[i].request == NULL)
			places++;
		else if (strcmp(under_way[i].client, client) == 0)
			own++;
	}
	return places > 0 && own < LARGE_PER_CLIENT;
}

void
large_begin(const void *request, const char *client)
{
	for (size_t i = 0; i < LARGE_AT_ONCE; i++) {
		if (under_way[i].request != NULL)
			continue;
		under_way[i].request = request;
		(void)snprintf(under_way[i].client, sizeof(under_way[i].client),
		    "%s", client);
		return;
	}
}

void
large_end(const void *request)
{
	for (size_t i = 0; i < LARGE_AT_ONCE; i++)
		if (under_way[i].request == request)
			under_way[i].request = NULL;
}
