/* The gusp command: a table of verbs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

#define FILE_MAX (16L * 1024 * 1024)

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *french, *english;
} verbs[] = {
	{ "prepare", prepare_run, "[--print]",
	    "crée les rôles, extensions et schémas (superutilisateur)",
	    "makes roles, extensions and schemas (superuser)" },
	{ "migrate", migrate_run, "[--status]", "applique les migrations",
	    "applies the migrations" },
	{ "bootstrap", bootstrap_run,
	    "--institution NOM --jwk FICHIER [--name NOM] [--scopes \"A B\"]",
	    "crée le premier administrateur", "makes the first administrator" },
	{ "client", client_run,
	    "create --member ID --name NOM [--scopes \"A B\"]\n"
	    "                     [--secret | --jwk FICHIER] [--expires DATE]\n"
	    "              list [--member ID]\n"
	    "              rotate ID (--secret | --jwk FICHIER) [--now]\n"
	    "              rotate ID --finish\n"
	    "              scopes ID \"A B\"\n"
	    "              revoke ID",
	    "gère les clients de l'API", "manages the clients of the API" },
	{ "key", key_run,
	    "new | list | activate [KID] [--now] | retire KID | revoke KID\n"
	    "              ledger ORIGINE FICHIER | witness NOM FICHIER\n"
	    "              show FICHIER | announce FICHIER",
	    "gère les clés : celles des jetons, celle du registre, celle d'un "
	    "témoin",
	    "manages keys: those of tokens, the ledger's, a witness'" },
	{ "tend", tend_run, "[--once | --adopt CHECKPOINT]",
	    "intègre le registre et, avec sa clé, le signe",
	    "integrates the ledger and, with its key, signs it" },
	{ "witness", witness_run,
	    "add VKEY [--institution ID] | list | end VKEY",
	    "gère qui cosigne le registre", "manages who cosigns the ledger" },
	{ "verify", verify_run,
	    "(--url URL | --offline) --dir RÉPERTOIRE (--key VKEY | "
	    "--policy FICHIER)\n"
	    "              [--token-file FICHIER | --client ID --secret-file "
	    "FICHIER]\n"
	    "              [--report FICHIER] [--min-size N] [--max-age S]\n"
	    "              [--institution ID] [--cosign CLÉ]",
	    "tire le registre et le vérifie ; 0 conforme, 1 faux, 3 non jugé",
	    "pulls the ledger and verifies it; 0 good, 1 wrong, 3 not judged" },
	{ "restore", restore_run, "FEUILLES",
	    "remet la fin perdue du registre, d'après un miroir",
	    "puts back the lost tail of the ledger, from a mirror" },
	{ "statement", statement_run, "METHODE CHEMIN [CLE] | NOM",
	    "montre le SQL d'une requête, tel qu'il est préparé",
	    "shows the SQL of a request, as it is prepared" },
	{ "healthcheck", healthcheck_run, "[URL]", "dit si l'API est prête",
	    "tells whether the API is ready" },
};

static void print_verb(FILE *to, const struct verb *verb);
static int help(FILE *to);

int
main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		help(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	return help(stderr);
}

static void
print_verb(FILE *to, const struct verb *verb)
{
	fprintf(to, "  gusp %s %s\n      %s\n", verb->name, verb->arguments,
	    is_english() ? verb->english : verb->french);
}

static int
help(FILE *to)
{
	(void)fputs(is_english() ? "Usage:\n" : "Utilisation :\n", to);
	for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
		print_verb(to, &verbs[i]);
	(void)fputs(
	    is_english()
	        ? "GUSP_DATABASE_URL names the database, GUSP_PASSFILE its "
	          "passwords,\nGUSP_MIGRATIONS the migrations, GUSP_KEY_DIR "
	          "the "
	          "private keys.\n"
	        : "GUSP_DATABASE_URL désigne la base, GUSP_PASSFILE ses mots "
	          "de "
	          "passe,\nGUSP_MIGRATIONS les migrations, GUSP_KEY_DIR les "
	          "clés "
	          "privées.\n",
	    to);
	return EXIT_MISUSED;
}

int
usage(const char *verb)
{
	for (size_t i = 0; i < N_ELEMENTS(verbs); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			print_verb(stderr, &verbs[i]);
	return EXIT_MISUSED;
}

/* LC_ALL, LC_MESSAGES, LANG: the first that is set decides (locale(7)). */
bool
is_english(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && *value != '\0')
			return strncmp(value, "en", 2) == 0;
	}
	return false;
}

void
die(const char *french, const char *english, ...)
{
	va_list arguments;

	(void)fputs("gusp: ", stderr);
	va_start(arguments, english);
	if (is_english())
		(void)vfprintf(stderr, english, arguments);
	else
		(void)vfprintf(stderr, french, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	exit(EXIT_FAILED);
}

const char *
setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0')
		value = fallback;
	if (value == NULL)
		die("la variable %s n'est pas définie",
		    "the variable %s is not set", name);
	return value;
}

char *
file_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= FILE_MAX)
		text = malloc((size_t)st.st_size + 1);
	if (text != NULL)
		n = read(fd, text, (size_t)st.st_size);
	if (fd != -1)
		close(fd);
	if (n < 0 || n != st.st_size)
		die("%s est illisible : %s", "cannot read %s: %s", path,
		    strerror(errno));
	text[n] = '\0';
	*len = (size_t)n;
	return text;
}
