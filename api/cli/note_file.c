/* Files of note keys. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "cli.h"
#include "note_file.h"

static const struct {
	enum note_kind kind;
	const char *name;
} kinds[] = { { NOTE_LOG, "log" }, { NOTE_WITNESS, "witness" } };

static const char *
word_of(enum note_kind kind)
{
	return kinds[kind == NOTE_WITNESS].name;
}

static void
write_pem(FILE *file, const unsigned char seed[NOTE_SEED_LEN])
{
	EVP_PKEY *private = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, seed, NOTE_SEED_LEN);

	if (private == NULL ||
	    PEM_write_PrivateKey(file, private, NULL, NULL, 0, NULL, NULL) != 1)
		die("pas de clé", "no key");
	EVP_PKEY_free(private);
}

void
note_file_make(const char *path, const char *name, enum note_kind kind,
    struct note_key *out)
{
	unsigned char seed[NOTE_SEED_LEN];
	int fd;
	FILE *file;

	if (RAND_bytes(seed, sizeof(seed)) != 1)
		die("pas de hasard", "no randomness");
	if (!note_key_of_seed(name, kind, seed, out))
		die("« %s » ne peut nommer une clé : ni espace, ni +, ni "
		    "accent",
		    "\"%s\" cannot name a key: no blank, no +, no accent",
		    name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	file = fd == -1 ? NULL : fdopen(fd, "w");
	if (file == NULL)
		die("%s ne peut être écrit : %s", "cannot write %s: %s", path,
		    strerror(errno));
	fprintf(file, "name %s\nkind %s\n", name, word_of(kind));
	write_pem(file, seed);
	OPENSSL_cleanse(seed, sizeof(seed));
	if (fflush(file) != 0 || fsync(fd) != 0 || fclose(file) != 0)
		die("%s ne peut être écrit : %s", "cannot write %s: %s", path,
		    strerror(errno));
}

/* The rest of a line "word rest" at the head of the file; NULL if none. */
static const char *
value_of(char *text, const char *word)
{
	size_t len = strlen(word);
	char *at = text;

	while (at != NULL && strncmp(at, "-----", 5) != 0) {
		char *end = strchr(at, '\n');

		if (strncmp(at, word, len) == 0 && at[len] == ' ')
			return at + len + 1;
		at = end == NULL ? NULL : end + 1;
	}
	return NULL;
}

static bool
read_seed(const char *text, size_t len, unsigned char seed[NOTE_SEED_LEN])
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	/* What stands before the PEM is passed over (PEM_read_bio). */
	EVP_PKEY *private =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	size_t seed_len = NOTE_SEED_LEN;
	bool good = private != NULL &&
	            EVP_PKEY_get_id(private) == EVP_PKEY_ED25519 &&
	            EVP_PKEY_get_raw_private_key(private, seed, &seed_len) == 1;

	EVP_PKEY_free(private);
	BIO_free(bio);
	return good;
}

void
note_file_read(const char *path, enum note_kind kind, struct note_secret *out)
{
	char name[NOTE_NAME_MAX + 1] = "";
	size_t len;
	char *text = file_read(path, &len);
	const char *named = value_of(text, "name");
	const char *said = value_of(text, "kind");
	const char *wanted;

	if (named != NULL)
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(named, "\n"),
		    named);
	if (kind == NOTE_ANY)
		kind = said != NULL && strncmp(said, "witness", 7) == 0
		           ? NOTE_WITNESS
		           : NOTE_LOG;
	wanted = word_of(kind);
	if (said == NULL || strncmp(said, wanted, strlen(wanted)) != 0 ||
	    !read_seed(text, len, out->seed) ||
	    !note_key_of_seed(name, kind, out->seed, &out->key))
		die("%s n'est pas une clé de la sorte « %s »",
		    "%s is no key of kind \"%s\"", path, wanted);
	OPENSSL_cleanse(text, len);
	free(text);
}

static bool
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* The new name is on disk when its directory is (fsync(2)). */
static bool
sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd;
	bool good;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd != -1 && fsync(fd) == 0;
	if (fd != -1)
		close(fd);
	return good;
}

bool
file_replace(const char *path, const char *text, size_t len)
{
	char fresh[PATH_MAX];
	int fd;
	bool good;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >=
	    sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	good = fd != -1 && write_all(fd, text, len) && fsync(fd) == 0;
	if (fd != -1)
		good = close(fd) == 0 && good;
	return good && rename(fresh, path) == 0 && sync_directory(path);
}
