/*
 * The tree of path segments. Literals of a node are a list: there are few,
 * and the first bytes tell most of them apart.
 */
#include <string.h>

#include "route.h"

struct node {
	const char *text; /* of the template, not terminated */
	size_t len;
	struct node *next;    /* sibling */
	struct node *literal; /* first child */
	struct node *any;     /* child that takes any segment */
	const struct operation *operations[N_METHODS];
	unsigned methods;
};

/* A walk down, with the segments that parameters took. */
struct walk {
	const char *start[ROUTE_ARGS_MAX];
	size_t len[ROUTE_ARGS_MAX];
	size_t n;
};

/* The tree lives as long as the process. */
static struct mem forever;
static struct node *root;

static const struct node *
find(const struct node *node, const char *path, struct walk *walk);

static struct node *
child(struct node *node, const char *text, size_t len)
{
	struct node **place = text[0] == '{' ? &node->any : &node->literal;

	while (*place != NULL && text[0] != '{' &&
	       ((*place)->len != len || memcmp((*place)->text, text, len) != 0))
		place = &(*place)->next;
	if (*place == NULL) {
		*place = mem_take(&forever, sizeof(**place));
		(*place)->text = text;
		(*place)->len = len;
	}
	return *place;
}

void
route_build(void)
{
	root = mem_take(&forever, sizeof(*root));
	for (size_t i = 0; i < contract.n_operations; i++) {
		const struct operation *op = &contract.operations[i];
		struct node *node = root;

		for (const char *at = op->path; *at == '/';) {
			size_t len = strcspn(++at, "/");

			node = child(node, at, len);
			at += len;
		}
		node->operations[op->method] = op;
		node->methods |= 1u << op->method | 1u << METHOD_OPTIONS;
		if (op->method == METHOD_GET)
			node->methods |= 1u << METHOD_HEAD;
	}
}

void
route_find(
    enum method method, const char *path, struct mem *mem, struct route *out)
{
	struct walk walk = { .n = 0 };
	const struct node *node =
	    root == NULL || path[0] != '/' ? NULL : find(root, path, &walk);

	*out = (struct route){ 0 };
	if (node == NULL)
		return;
	out->methods = node->methods;
	out->operation =
	    node->operations[method == METHOD_HEAD ? METHOD_GET : method];
	for (size_t i = 0; i < walk.n; i++)
		out->args[i] = mem_copy(mem, walk.start[i], walk.len[i]);
	out->n_args = walk.n;
}

/* path is what is left, from its slash. Comes back up when a literal leads
 * nowhere: /sites/map may be there beside /sites/{id}/history. */
static const struct node *
find(const struct node *node, const char *path, struct walk *walk)
{
	if (*path == '\0')
		return node->methods != 0 ? node : NULL;

	const char *segment = path + 1;
	size_t len = strcspn(segment, "/");

	for (const struct node *n = node->literal; n != NULL; n = n->next) {
		if (n->len != len || memcmp(n->text, segment, len) != 0)
			continue;

		const struct node *found = find(n, segment + len, walk);

		if (found != NULL)
			return found;
		break;
	}
	if (node->any == NULL || len == 0 || walk->n == ROUTE_ARGS_MAX)
		return NULL;
	walk->start[walk->n] = segment;
	walk->len[walk->n] = len;
	walk->n++;

	const struct node *found = find(node->any, segment + len, walk);

	if (found == NULL)
		walk->n--;
	return found;
}

bool
route_uploads(const char *path, size_t len)
{
	static const enum method methods[] = { METHOD_POST, METHOD_PUT };
	struct mem mem = { 0 };
	const char *text = mem_copy(&mem, path, len);
	bool uploads = false;

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		struct route route = { 0 };

		route_find(methods[i], text, &mem, &route);
		if (route.operation != NULL &&
		    route.operation->body_kind == BODY_UPLOAD)
			uploads = true;
	}
	mem_release(&mem);
	return uploads;
}

const char *
route_allow(unsigned methods, struct mem *mem)
{
	const char *list = "";

	for (unsigned m = 0; m < N_METHODS; m++)
		if ((methods & 1u << m) != 0)
			list = mem_print(mem, "%s%s%s", list,
			    list[0] == '\0' ? "" : ", ", method_names[m]);
	return list;
}
