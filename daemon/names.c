/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses in a hash and a list by use; each with its names, newest first. */
#include "config.h"

#include "daemon/names.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/process.h"
#include "lib/err.h"
#include "lib/hash.h"

#define SECOND_NS 1000000000ull
#define TTL_LEAST_S 60u
#define GRACE_S 3600u
#define LIFE_MOST_S 86400u

struct name {
	struct name *next; /* older */
	uint64_t learnt_ns, expires_ns;
	struct ip_addr server;
	unsigned n_askers;
	struct name_asker askers[LIMIT_NAME_ASKERS]; /* newest first */
	enum host_source source;
	uint8_t len;
	char host[];
};

struct entry {
	struct ip_addr addr;
	struct name *names; /* newest first */
	struct entry *prev, *next; /* least recently used first */
	struct hash_node node;
};

/* One address of the hosts file. */
struct host_line {
	struct ip_addr addr;
	struct host_line *next;
	struct hash_node node;
	uint8_t len;
	char host[LIMIT_HOST];
};

struct names {
	struct hash table;
	struct entry *stalest;
	struct hash hosts;
	struct host_line *host_lines;
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

static void drop_names(struct name *list)
{
	while (list) {
		struct name *next = list->next;

		free(list);
		list = next;
	}
}

static void drop_entry(struct names *n, struct entry *e)
{
	hash_del(&n->table, &e->node);
	DL_DELETE(n->stalest, e);
	drop_names(e->names);
	free(e);
}

static void drop_hosts(struct names *n)
{
	while (n->host_lines) {
		struct host_line *l = n->host_lines;

		n->host_lines = l->next;
		hash_del(&n->hosts, &l->node);
		free(l);
	}
}

void names_free(struct names *n)
{
	struct entry *e, *next;

	if (!n)
		return;
	DL_FOREACH_SAFE (n->stalest, e, next)
		drop_entry(n, e);
	drop_hosts(n);
	free(n);
}

static struct entry *find_entry(struct names *n, const struct ip_addr *addr)
{
	return hash_entry(hash_find(&n->table, addr, sizeof(*addr)), struct entry, node);
}

/* Marks as just used. */
static void touch(struct names *n, struct entry *e)
{
	DL_DELETE(n->stalest, e);
	DL_APPEND(n->stalest, e);
}

static struct entry *add_entry(struct names *n, const struct ip_addr *addr)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	if (names_count(n) >= LIMIT_NAMES)
		drop_entry(n, n->stalest);
	e->addr = *addr;
	if (!hash_add(&n->table, &e->node, &e->addr, sizeof(e->addr))) {
		free(e);
		return NULL;
	}
	DL_APPEND(n->stalest, e);
	return e;
}

/* Lower case without the trailing dot into `to`; its length, or 0 when it is no printable name that fits. */
static size_t normalize(const char *host, size_t len, char to[static LIMIT_HOST])
{
	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len > LIMIT_HOST)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (host[i] <= 0x20 || host[i] >= 0x7f)
			return 0;
		to[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] | 0x20 : host[i]);
	}
	return len;
}

static bool is_host(const struct name *name, const char *host, size_t len)
{
	return name->len == len && memcmp(name->host, host, len) == 0;
}

/* Takes the name out of the list, or makes a new one. NULL: out of memory. */
static struct name *take_name(
	struct entry *e, const char *host, size_t len, enum host_source source)
{
	struct name *name;

	for (struct name **at = &e->names; *at; at = &(*at)->next) {
		name = *at;
		if (name->source == source && is_host(name, host, len)) {
			*at = name->next;
			return name;
		}
	}
	name = calloc(1, sizeof(*name) + len);
	if (!name)
		return NULL;
	name->source = source;
	name->len = (uint8_t)len;
	memcpy(name->host, host, len);
	return name;
}

/* Drops what is past its time, and the oldest past the bound. */
static void trim_names(struct entry *e, uint64_t now_ns)
{
	unsigned kept = 0;

	for (struct name **at = &e->names; *at;) {
		struct name *name = *at;

		if (kept < LIMIT_NAMES_PER_ADDR && now_ns < name->expires_ns) {
			kept++;
			at = &name->next;
		} else {
			*at = name->next;
			free(name);
		}
	}
}

static uint64_t life_ns(uint32_t ttl_s)
{
	uint64_t life_s = (uint64_t)(ttl_s > TTL_LEAST_S ? ttl_s : TTL_LEAST_S) + GRACE_S;

	return (life_s < LIFE_MOST_S ? life_s : LIFE_MOST_S) * SECOND_NS;
}

static bool same_process(const struct name_asker *a, const struct name_asker *b)
{
	return a->pid && a->pid == b->pid && a->start_time == b->start_time;
}

static bool same_program(const struct name_asker *a, const struct name_asker *b)
{
	return a->pid && b->pid && a->program && a->program == b->program;
}

/* Puts the asker first. */
static void note_asker(struct name *name, const struct name_asker *asker)
{
	unsigned at = 0;

	if (!asker->pid)
		return;
	while (at < name->n_askers && !same_process(&name->askers[at], asker))
		at++;
	if (at == name->n_askers && name->n_askers < LIMIT_NAME_ASKERS)
		name->n_askers++;
	if (at == LIMIT_NAME_ASKERS)
		at--;
	memmove(name->askers + 1, name->askers, at * sizeof(name->askers[0]));
	name->askers[0] = *asker;
}

struct name_asker name_asker_of(const struct process *p)
{
	struct name_asker asker = { 0 };

	if (!p)
		return asker;
	asker.pid = p->pid;
	asker.start_time = p->start_time;
	asker.program = p->path && *p->path ? hash_bytes(p->path, strlen(p->path)) : 0;
	return asker;
}

void names_learn(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	const struct name_fact *fact, uint64_t now_ns)
{
	char text[LIMIT_HOST];
	size_t len = normalize(host, host_len, text);
	struct name *name;
	struct entry *e;

	if (len == 0 || addr->family == 0)
		return;
	e = find_entry(n, addr);
	if (!e)
		e = add_entry(n, addr);
	if (!e)
		return;
	name = take_name(e, text, len, fact->source);
	if (name) {
		name->server = fact->server;
		name->learnt_ns = now_ns;
		name->expires_ns = now_ns + life_ns(fact->ttl_s);
		note_asker(name, &fact->asker);
		name->next = e->names;
		e->names = name;
	}
	touch(n, e);
	trim_names(e, now_ns);
	if (!e->names)
		drop_entry(n, e);
}

/* ---- the hosts file */

static struct host_line *find_host_line(const struct names *n, const struct ip_addr *addr)
{
	return hash_entry(hash_find(&n->hosts, addr, sizeof(*addr)), struct host_line, node);
}

static int set_host_line(struct names *n, const struct ip_addr *addr, const char *host, size_t len)
{
	struct host_line *l = find_host_line(n, addr);
	char text[LIMIT_HOST];

	len = normalize(host, len, text);
	if (!len || (!l && hash_count(&n->hosts) >= LIMIT_HOSTS_NAMES))
		return 0;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return ERR_NOMEM;
		l->addr = *addr;
		if (!hash_add(&n->hosts, &l->node, &l->addr, sizeof(l->addr))) {
			free(l);
			return ERR_NOMEM;
		}
		l->next = n->host_lines;
		n->host_lines = l;
	}
	memcpy(l->host, text, len);
	l->len = (uint8_t)len;
	return 0;
}

/* The next word of a line, its length in *ret_len; moves *at behind it. */
static const char *next_word(const char **at, const char *end, size_t *ret_len)
{
	const char *p = *at, *start;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	start = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
		p++;
	*at = p;
	*ret_len = (size_t)(p - start);
	return start;
}

static int read_host_line(struct names *n, const char *line, const char *end)
{
	const char *comment = memchr(line, '#', (size_t)(end - line)), *word;
	char text[IP_ADDR_TEXT_LEN];
	struct ip_addr addr;
	size_t len;

	if (comment)
		end = comment;
	word = next_word(&line, end, &len);
	if (len == 0 || len >= sizeof(text))
		return 0;
	memcpy(text, word, len);
	text[len] = '\0';
	if (ip_addr_parse(text, &addr) < 0 || ip_addr_is_any(&addr) || ip_addr_is_loopback(&addr))
		return 0;
	word = next_word(&line, end, &len);
	return set_host_line(n, &addr, word, len);
}

int names_set_hosts(struct names *n, const char *text, size_t len)
{
	const char *end = text + len;
	int r = 0;

	drop_hosts(n);
	while (text < end && r == 0) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (!stop)
			stop = end;
		r = read_host_line(n, text, stop);
		text = stop + 1;
	}
	return r < 0 ? r : (int)hash_count(&n->hosts);
}

/* ---- looking up */

static void set_result(struct name_result *ret, const char *host, size_t len,
	enum host_source source, enum host_certainty certainty)
{
	memcpy(ret->host, host, len);
	ret->len = len;
	ret->source = source;
	ret->certainty = certainty;
}

/* The newest name that fits this asker, with how certain it is; NULL when none was asked for by it. */
static const struct name *asked_name(
	const struct entry *e, const struct name_asker *asker, enum host_certainty *ret)
{
	const struct name *by_program = NULL;

	for (const struct name *name = e->names; name; name = name->next) {
		for (unsigned i = 0; i < name->n_askers; i++) {
			if (same_process(&name->askers[i], asker)) {
				*ret = HOST_CERTAINTY_EXACT;
				return name;
			}
			if (!by_program && same_program(&name->askers[i], asker))
				by_program = name;
		}
	}
	*ret = HOST_CERTAINTY_LIKELY;
	return by_program;
}

bool names_has(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	enum host_source source, uint64_t now_ns)
{
	const struct host_line *line = find_host_line(n, addr);
	const struct entry *e = find_entry(n, addr);

	if (source == HOST_HOSTS)
		return line && line->len == host_len && memcmp(line->host, host, host_len) == 0;
	for (const struct name *name = e ? e->names : NULL; name; name = name->next)
		if (name->source == source && is_host(name, host, host_len) &&
			now_ns < name->expires_ns)
			return true;
	return false;
}

/* How sure it is where nobody asked: less, if the address has other names, too. */
static enum host_certainty certainty_of(const struct entry *e, const char *host, size_t len)
{
	for (const struct name *name = e ? e->names : NULL; name; name = name->next)
		if (!is_host(name, host, len))
			return HOST_CERTAINTY_GUESS;
	return HOST_CERTAINTY_LIKELY;
}

void names_find(struct names *n, const struct ip_addr *addr, const struct name_asker *asker,
	uint64_t now_ns, struct name_result *ret)
{
	const struct host_line *line = find_host_line(n, addr);
	struct entry *e = find_entry(n, addr);
	const struct name *name = NULL;
	enum host_certainty certainty;

	memset(ret, 0, sizeof(*ret));
	ret->source = HOST_NONE;
	if (e) {
		trim_names(e, now_ns);
		if (!e->names) {
			drop_entry(n, e);
			e = NULL;
		}
	}
	if (e) {
		touch(n, e);
		name = asked_name(e, asker, &certainty);
	}
	/* Nobody of this program asked: then it has the name from the file, which programs look at first. */
	if (name)
		set_result(ret, name->host, name->len, name->source, certainty);
	else if (line)
		set_result(ret, line->host, line->len, HOST_HOSTS,
			certainty_of(e, line->host, line->len));
	else if (e)
		set_result(ret, e->names->host, e->names->len, e->names->source,
			certainty_of(e, e->names->host, e->names->len));
}

unsigned names_of(const struct names *n, const struct ip_addr *addr, struct text *ret, unsigned max)
{
	const struct host_line *line = find_host_line(n, addr);
	const struct entry *e =
		hash_entry(hash_find(&n->table, addr, sizeof(*addr)), struct entry, node);
	unsigned count = 0;

	for (const struct name *name = e ? e->names : NULL; name && count < max; name = name->next)
		ret[count++] = (struct text) { name->host, name->len };
	if (line && count < max)
		ret[count++] = (struct text) { line->host, line->len };
	return count;
}

void names_keep(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	uint64_t now_ns)
{
	struct entry *e = find_entry(n, addr);

	if (!e)
		return;
	touch(n, e);
	for (struct name *name = e->names; name; name = name->next)
		if (is_host(name, host, host_len) && name->expires_ns < now_ns + life_ns(0))
			name->expires_ns = now_ns + life_ns(0);
}

/* ---- telling */

struct listing {
	const struct text *host; /* NULL: any */
	unsigned max, n;
	uint64_t now_ns;
	void (*fn)(void *ctx, const struct name_view *view);
	void *ctx;
};

static bool list_wants(const struct listing *l, const char *host, size_t len)
{
	return l->n < l->max &&
	       (!l->host || (l->host->len == len && memcmp(l->host->s, host, len) == 0));
}

static void list_entry(struct listing *l, const struct entry *e)
{
	for (const struct name *name = e->names; name; name = name->next) {
		struct name_view view = {
			.addr = e->addr,
			.host = name->host,
			.host_len = name->len,
			.source = name->source,
			.server = name->server,
			.learnt_ns = name->learnt_ns,
			.expires_ns = name->expires_ns,
			.n_askers = name->n_askers,
			.askers = name->askers,
		};

		if (name->expires_ns <= l->now_ns || !list_wants(l, name->host, name->len))
			continue;
		l->fn(l->ctx, &view);
		l->n++;
	}
}

static void list_host_line(struct listing *l, const struct host_line *line)
{
	struct name_view view = {
		.addr = line->addr,
		.host = line->host,
		.host_len = line->len,
		.source = HOST_HOSTS,
		.expires_ns = UINT64_MAX,
	};

	if (!list_wants(l, line->host, line->len))
		return;
	l->fn(l->ctx, &view);
	l->n++;
}

unsigned names_list(struct names *n, const struct ip_addr *addr, const struct text *host,
	unsigned max, uint64_t now_ns, void (*fn)(void *ctx, const struct name_view *view),
	void *ctx)
{
	struct listing l = { .host = host, .max = max, .now_ns = now_ns, .fn = fn, .ctx = ctx };
	const struct host_line *line;
	const struct entry *e;

	if (addr) {
		e = find_entry(n, addr);
		line = find_host_line(n, addr);
		if (e)
			list_entry(&l, e);
		if (line)
			list_host_line(&l, line);
		return l.n;
	}
	DL_FOREACH (n->stalest, e)
		list_entry(&l, e);
	for (line = n->host_lines; line; line = line->next)
		list_host_line(&l, line);
	return l.n;
}

uint32_t names_count(const struct names *n)
{
	return hash_count(&n->table);
}
