/*
 * The table of statements: what was read is bound to the contract, judged
 * (statement_rules.c) and handed out as variants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "statement.h"

#include "log.h"
#include "variant.h"

/* 63 bytes are what PostgreSQL keeps of a prepared statement's name. */
#define NAME_MAX_LEN 40

struct cached {
	uint64_t fragments;
	size_t sort;
	struct mem mem;
	struct variant variant;
};

struct cache {
	struct cached *at[STATEMENT_VARIANTS_MAX];
	size_t n, next; /* next: whose place is taken when all are */
};

static struct {
	struct mem mem;
	struct statement *at;
	size_t n;
} loaded;

static void
forget(void)
{
	for (size_t i = 0; i < loaded.n; i++) {
		struct cache *cache = loaded.at[i].cache;

		for (size_t j = 0; j < cache->n; j++) {
			mem_release(&cache->at[j]->mem);
			free(cache->at[j]);
		}
	}
	for (size_t i = 0; i < contract.n_operations; i++)
		contract.operations[i].statement = NULL;
	mem_release(&loaded.mem);
	loaded.at = NULL;
	loaded.n = 0;
}

static struct operation *
operation_named(const char *id)
{
	for (size_t i = 0; i < contract.n_operations; i++)
		if (strcmp(contract.operations[i].id, id) == 0)
			return &contract.operations[i];
	return NULL;
}

static bool
bind(struct statement *s, const struct template *t, struct operation *op,
    char *why, size_t why_len)
{
	s->template = t;
	s->op = op;
	s->cache = mem_take(&loaded.mem, sizeof(*s->cache));
	for (size_t i = 0; i < t->n_params; i++)
		s->keyed |= after_index(t->params[i].name) > 0;
	if (strlen(statement_name(s)) > NAME_MAX_LEN)
		return rule_broken(
		    why, why_len, s, "the name is too long", NULL);
	if (t->engine && statement_named(t->name) != s)
		return rule_broken(why, why_len, s, "is there twice", NULL);
	if (!t->engine && op == NULL)
		return rule_broken(why, why_len, s, "no such operation", NULL);
	if (op != NULL && op->statement != NULL)
		return rule_broken(why, why_len, s, "is there twice", NULL);
	if (op != NULL)
		op->statement = s;
	return rules_obeyed(s, why, why_len);
}

/* An operation that shows a list as a map shares the list's template. */
static bool
bind_maps(char *why, size_t why_len)
{
	for (size_t i = 0; i < contract.n_operations; i++) {
		struct operation *op = &contract.operations[i];
		const struct operation *list =
		    op->map == NULL ? NULL : operation_named(op->map);

		if (op->map == NULL)
			continue;
		if (list == NULL || list->map != NULL ||
		    list->statement == NULL || !list->paged) {
			(void)snprintf(why, why_len,
			    "%s: x-map '%s' is no list", op->id, op->map);
			return false;
		}
		if (!bind(&loaded.at[loaded.n++], list->statement->template, op,
		        why, why_len))
			return false;
	}
	return true;
}

bool
statements_load(char *why, size_t why_len)
{
	return statements_load_from(
	    statement_texts, n_statement_texts, why, why_len);
}

bool
statements_load_from(
    const struct statement_text *texts, size_t n, char *why, size_t why_len)
{
	struct template *first;
	size_t count = 0;

	forget();
	first = templates_read(texts, n, &loaded.mem, why, why_len);
	if (first == NULL)
		return false;
	for (const struct template *t = first; t != NULL; t = t->next)
		count++;
	for (size_t i = 0; i < contract.n_operations; i++)
		count += contract.operations[i].map != NULL;
	loaded.at = mem_take(&loaded.mem, count * sizeof(*loaded.at));
	for (const struct template *t = first; t != NULL; t = t->next) {
		struct statement *s = &loaded.at[loaded.n++];

		if (!bind(s, t, t->engine ? NULL : operation_named(t->name),
		        why, why_len))
			return false;
	}
	return bind_maps(why, why_len);
}

const struct statement *
statement_at(size_t i)
{
	return i < loaded.n ? &loaded.at[i] : NULL;
}

const struct statement *
statement_named(const char *name)
{
	if (name[0] == '@')
		name++;
	for (size_t i = 0; i < loaded.n; i++)
		if (loaded.at[i].template->engine &&
		    strcmp(loaded.at[i].template->name, name) == 0)
			return &loaded.at[i];
	return NULL;
}

/* A place in the cache: a free one, or that of the oldest variant. */
static struct cached *
place_for(struct cache *cache)
{
	struct cached *c;

	if (cache->n < STATEMENT_VARIANTS_MAX) {
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			abort();
		cache->at[cache->n++] = c;
		return c;
	}
	c = cache->at[cache->next];
	cache->next = (cache->next + 1) % STATEMENT_VARIANTS_MAX;
	mem_release(&c->mem);
	return c;
}

const struct variant *
statement_variant(const struct statement *s, const struct args *args)
{
	uint64_t fragments = fragments_on(s, args);
	struct cached *c;
	size_t sort = 0;
	char why[200];

	if (s->keyed && s->op != NULL && args->sort != NULL)
		sort = (size_t)(args->sort - s->op->sorts);
	for (size_t i = 0; i < s->cache->n; i++) {
		c = s->cache->at[i];
		if (c->fragments == fragments && c->sort == sort)
			return &c->variant;
	}
	c = place_for(s->cache);
	c->fragments = fragments;
	c->sort = sort;
	if (!variant_make(
	        s, fragments, sort, &c->mem, &c->variant, why, sizeof(why))) {
		log_error(
		    "statement_variant", LOG_STR("name", statement_name(s)));
		abort();
	}
	return &c->variant;
}
