/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificate and key by GnuTLS. */
#include "config.h"

#include "api/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

#define CHAIN_MAX 16
#define NAMES_MAX 64 /* of a certificate that are looked at */

static const char *const places[] = {
	[IPC_TLS_CERTIFICATE] = "tls.certificate", [IPC_TLS_KEY] = "tls.key"
};

struct tls_pair {
	unsigned refs;
	gnutls_certificate_credentials_t credentials;
	gnutls_x509_crt_t leaf;
	char name[LIMIT_HOST + 1];
	uint64_t end_us; /* CLOCK_REALTIME; 0: none */
};

/* ---- the files */

void tls_files_init(struct tls_files *f)
{
	*f = (struct tls_files) { .fds = { -1, -1 } };
}

void tls_files_done(struct tls_files *f)
{
	for (unsigned i = 0; i < IPC_TLS_COUNT_; i++)
		cleanup_close(&f->fds[i]);
	tls_files_init(f);
}

bool tls_files_add(struct tls_files *f, const struct ipc_tls_file *m, int fd)
{
	cleanup_close(&f->fds[m->part]);
	f->fds[m->part] = fd;
	f->errnums[m->part] = fd < 0 && !m->errnum ? EBADF : m->errnum;
	return m->part == IPC_TLS_KEY && (f->fds[0] >= 0 || f->errnums[0]);
}

bool tls_key_is_open(const struct tls_files *f)
{
	struct stat st;

	return f->fds[IPC_TLS_KEY] >= 0 && fstat(f->fds[IPC_TLS_KEY], &st) == 0 &&
	       (st.st_mode & S_IROTH);
}

/* The bytes of a file, wiped and freed by forget(). */
struct secret {
	unsigned char *data;
	size_t len;
};

static void forget(struct secret *s)
{
	if (s->data)
		explicit_bzero(s->data, s->len);
	free(s->data);
	*s = (struct secret) { 0 };
}

static int read_file(
	const struct tls_files *f, enum ipc_tls_part part, struct secret *ret, struct error *err)
{
	struct stat st;
	ssize_t n;

	if (f->fds[part] < 0 || fstat(f->fds[part], &st) < 0)
		return error_set(err, ERR_INVALID, places[part], "the file cannot be read: %s",
			strerror(f->errnums[part] ? f->errnums[part] : errno));
	if (!S_ISREG(st.st_mode) || st.st_size > LIMIT_TLS_FILE)
		return error_set(err, ERR_INVALID, places[part],
			"must be a file of at most %u bytes", LIMIT_TLS_FILE);
	ret->data = malloc((size_t)st.st_size + 1);
	if (!ret->data)
		return error_set(err, ERR_NOMEM, places[part], "out of memory");
	n = pread(f->fds[part], ret->data, (size_t)st.st_size, 0);
	ret->len = n > 0 ? (size_t)n : 0;
	return n < 0 ? error_set(err, ERR_INVALID, places[part], "the file cannot be read: %s",
			       strerror(errno))
		     : 0;
}

/* ---- the pair */

static int refuse(struct error *err, enum ipc_tls_part part, const char *what, int r)
{
	return r == GNUTLS_E_MEMORY_ERROR ? error_set(err, ERR_NOMEM, places[part], "out of memory")
					  : error_set(err, ERR_INVALID, places[part], "%s (%s)",
						    what, gnutls_strerror(r));
}

static void take_name(struct tls_pair *p)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char name[LIMIT_HOST + 1];
		size_t len = sizeof(name) - 1;
		int r = gnutls_x509_crt_get_subject_alt_name(p->leaf, i, name, &len, NULL);

		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (r != GNUTLS_SAN_DNSNAME || len == 0)
			continue;
		name[len] = '\0';
		/* It goes into a URL. */
		if (strspn(name,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") !=
			len)
			continue;
		memcpy(p->name, name, len + 1);
		return;
	}
}

static void take_end(struct tls_pair *p, gnutls_x509_crt_t certificate)
{
	time_t end = gnutls_x509_crt_get_expiration_time(certificate);
	uint64_t end_us = end > 0 ? (uint64_t)end * 1000000 : 0;

	if (end_us && (!p->end_us || end_us < p->end_us))
		p->end_us = end_us;
}

/* Takes the chain's first certificate into `p`; the others are only checked to be some, and for when they end. */
static int take_leaf(struct tls_pair *p, const gnutls_datum_t *text, struct error *err)
{
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned n = CHAIN_MAX;
	int r = gnutls_x509_crt_list_import(
		chain, &n, text, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

	if (r < 0 || n == 0)
		return refuse(
			err, IPC_TLS_CERTIFICATE, "the file holds no good certificates (PEM)", r);
	for (unsigned i = 0; i < n; i++)
		take_end(p, chain[i]);
	for (unsigned i = 1; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	p->leaf = chain[0];
	take_name(p);
	return 0;
}

/* Whether there is a key at all, so that the message names the right file. */
static int check_key(const gnutls_datum_t *text, struct error *err)
{
	gnutls_privkey_t key;
	int r = gnutls_privkey_init(&key);

	if (r < 0)
		return refuse(err, IPC_TLS_KEY, "the key cannot be read", r);
	r = gnutls_privkey_import_x509_raw(key, text, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_privkey_deinit(key);
	return r < 0 ? refuse(err, IPC_TLS_KEY,
			       "the file holds no key (PEM) that can be used without a password", r)
		     : 0;
}

static int fill(
	struct tls_pair *p, const struct secret texts[static IPC_TLS_COUNT_], struct error *err)
{
	const struct secret *c = &texts[IPC_TLS_CERTIFICATE], *k = &texts[IPC_TLS_KEY];
	gnutls_datum_t certificate = { c->data, (unsigned)c->len },
		       key = { k->data, (unsigned)k->len };
	int r = take_leaf(p, &certificate, err);

	if (r == 0)
		r = check_key(&key, err);
	if (r < 0)
		return r;
	r = gnutls_certificate_allocate_credentials(&p->credentials);
	if (r < 0)
		return refuse(err, IPC_TLS_CERTIFICATE, "cannot be used", r);
	r = gnutls_certificate_set_x509_key_mem(
		p->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
	return r < 0 ? refuse(err, IPC_TLS_KEY, "does not go with the certificate", r) : 0;
}

/* Takes all of it into a new pair; half built ones go again. */
static int build(
	const struct secret texts[static IPC_TLS_COUNT_], struct tls_pair **ret, struct error *err)
{
	struct tls_pair *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return error_set(err, ERR_NOMEM, places[0], "out of memory");
	p->refs = 1;
	r = fill(p, texts, err);
	if (r < 0)
		tls_pair_unref(p);
	else
		*ret = p;
	return r;
}

int tls_pair_load(const struct tls_files *f, struct tls_pair **ret, struct error *err)
{
	struct secret texts[IPC_TLS_COUNT_] = { 0 };
	int r = 0;

	for (enum ipc_tls_part part = 0; part < IPC_TLS_COUNT_ && r == 0; part++)
		r = read_file(f, part, &texts[part], err);
	if (r == 0)
		r = build(texts, ret, err);
	for (unsigned i = 0; i < IPC_TLS_COUNT_; i++)
		forget(&texts[i]);
	return r;
}

struct tls_pair *tls_pair_ref(struct tls_pair *p)
{
	if (p)
		p->refs++;
	return p;
}

void tls_pair_unref(struct tls_pair *p)
{
	if (!p || --p->refs)
		return;
	if (p->credentials)
		gnutls_certificate_free_credentials(p->credentials);
	if (p->leaf)
		gnutls_x509_crt_deinit(p->leaf);
	free(p);
}

int tls_pair_use(const struct tls_pair *p, gnutls_session_t session)
{
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, p->credentials);
}

bool tls_pair_is_for(const struct tls_pair *p, const char *host)
{
	return gnutls_x509_crt_check_hostname(p->leaf, host) != 0;
}

uint64_t tls_pair_end_us(const struct tls_pair *p)
{
	return p->end_us;
}

const char *tls_pair_name(const struct tls_pair *p)
{
	return p->name;
}
