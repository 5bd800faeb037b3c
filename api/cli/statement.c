/*
 * gusp statement: the SQL that a request becomes, as it is prepared, with the
 * values of its parameters. For EXPLAIN, and for measuring the database alone
 * with the very statements that the API runs.
 *
 *     gusp statement GET /v1/sites/<id>
 *     gusp statement GET '/v1/sites?limit=20&kind=building'
 *     gusp statement GET '/v1/sites?limit=20' '["<name>", "<id>"]'
 *     gusp statement enter
 *
 * The key is that of the row after which a page begins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../args.h"
#include "../config.h"
#include "../contract.h"
#include "../cursor.h"
#include "../route.h"
#include "../statement.h"
#include "cli.h"

static void
print_part(const struct part *part, const struct args *args, json_t *out)
{
	json_t *names = json_array(), *values = json_array(),
	       *types = json_array();

	for (size_t i = 0; i < part->n; i++) {
		const struct arg *arg = args_find(args, part->names[i]);

		json_array_append_new(names, json_string(part->names[i]));
		json_array_append_new(types, json_integer(part->types[i]));
		json_array_append_new(values, arg == NULL || arg->value == NULL
		                                  ? json_null()
		                                  : json_string(arg->value));
	}
	json_array_append_new(
	    out, json_pack("{s:s, s:o, s:o, s:o}", "sql", part->sql, "names",
	             names, "types", types, "values", values));
}

static void
print_variant(const struct statement *statement, const struct args *args)
{
	const struct variant *variant = statement_variant(statement, args);
	json_t *parts = json_array();

	for (size_t i = 0; i < variant->n_parts; i++)
		print_part(&variant->parts[i], args, parts);
	json_dumpf(parts, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(parts);
}

static enum method
method_of(const char *name)
{
	for (int i = 0; i < N_METHODS; i++)
		if (strcmp(method_names[i], name) == 0)
			return (enum method)i;
	die("méthode inconnue : %s", "unknown method: %s", name);
}

static void
read_args(const struct route *route, const struct input *in, struct mem *mem,
    struct args *args)
{
	struct problem problem = { 0 };

	if (!args_read(route->operation, route, in, mem, args, &problem))
		die("paramètres refusés : %s", "parameters refused: %s",
		    problem.errors.n > 0 ? problem.errors.at[0].at
		                         : problem.code);
}

static int
print_request(const char *method, char *target, const char *key)
{
	static const unsigned char secret[32];
	struct input in = { .method = method_of(method), .path = target };
	struct args args = { 0 };
	struct mem mem = { 0 };
	struct route route;
	char *query = strchr(target, '?');

	if (query != NULL) {
		*query = '\0';
		in.query = query + 1;
	}
	cursor_secret(secret, sizeof(secret));
	in.headers[HEADER_IF_MATCH] = "*";
	in.headers[HEADER_IDEMPOTENCY_KEY] = "0123456789abcdef";
	route_find(in.method, in.path, &mem, &route);
	if (route.operation == NULL || route.operation->statement == NULL)
		die("aucune requête SQL pour %s", "no statement for %s",
		    target);
	read_args(&route, &in, &mem, &args);
	if (key != NULL && args.scope != NULL) {
		in.query = mem_print(&mem, "%s&cursor=%s",
		    in.query == NULL ? "" : in.query,
		    cursor_write(args.scope, key, &mem));
		args = (struct args){ 0 };
		read_args(&route, &in, &mem, &args);
	}
	print_variant(route.operation->statement, &args);
	mem_release(&mem);
	return EXIT_DONE;
}

int
statement_run(int argc, char **argv)
{
	const struct statement *statement;
	struct args none = { 0 };
	char why[512];

	if (argc < 2 || argc > 4)
		return usage(argv[0]);
	if (!contract_load(setting("GUSP_CONTRACT", "build/openapi.json"), why,
	        sizeof(why)))
		die("contrat : %s", "contract: %s", why);
	route_build();
	if (!statements_load(why, sizeof(why)))
		die("requêtes : %s", "statements: %s", why);
	if (argc > 2)
		return print_request(
		    argv[1], argv[2], argc == 4 ? argv[3] : NULL);
	statement = statement_named(argv[1]);
	if (statement == NULL)
		die("requête inconnue : %s", "unknown statement: %s", argv[1]);
	print_variant(statement, &none);
	return EXIT_DONE;
}
