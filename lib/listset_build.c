/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists on their way into the compiled form: a growing hash table, and ranges that are sorted and merged at the end. */
#include "config.h"

#include "lib/listset_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/listset.h"
#include "lib/listwire.h"
#include "lib/pattern.h"

#define SLOTS_FIRST 1024

struct pile {
	void *items;
	size_t n, room;
};

/*
 * The whole hash: a fingerprint of the file lacks the lowest eight bits, and a bigger table cannot be filled without them. Packed: there
 * are millions.
 */
struct slot {
	uint64_t hash;
	uint8_t source; /* 0: empty */
} __attribute__((packed));

struct listset_builder {
	struct listwire_header header;
	unsigned source;
	struct slot *slots;
	uint64_t used; /* slots: a name may take two */
	uint64_t n_keys; /* names, addresses and digests in them */
	struct pile nets4, nets6, patterns, strings;
	int failed; /* the first error, or 0 */
};

static void fail(struct listset_builder *b, int code)
{
	if (!b->failed)
		b->failed = code;
}

/* `n` more items at the end of a pile, or NULL and a sticky failure. */
static void *pile_grow(struct listset_builder *b, struct pile *p, size_t n, size_t size)
{
	size_t room = p->room ? p->room : 64;
	void *more;

	if (b->failed)
		return NULL;
	if ((p->n + n) * size > LIMIT_LIST_BYTES) {
		fail(b, ERR_TOO_BIG);
		return NULL;
	}
	while (room < p->n + n)
		room *= 2;
	if (room != p->room) {
		more = realloc(p->items, room * size);
		if (!more) {
			fail(b, ERR_NOMEM);
			return NULL;
		}
		p->items = more;
		p->room = room;
	}
	p->n += n;
	return (uint8_t *)p->items + (p->n - n) * size;
}

struct listset_builder *listset_builder_new(enum operand operand, struct text folder)
{
	struct listset_builder *b;

	if (!folder.len || folder.len > LIMIT_PATH)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->header.magic = LISTWIRE_MAGIC;
	b->header.version = LISTWIRE_VERSION;
	b->header.operand = operand;
	b->header.folder_len = (uint32_t)folder.len;
	memcpy(b->header.folder, folder.s, folder.len);
	b->source = 1;
	if (getrandom(b->header.key, sizeof(b->header.key), 0) != sizeof(b->header.key))
		fail(b, ERR_IO);
	return b;
}

void listset_builder_free(struct listset_builder *b)
{
	if (!b)
		return;
	free(b->slots);
	free(b->nets4.items);
	free(b->nets6.items);
	free(b->patterns.items);
	free(b->strings.items);
	free(b);
}

void listset_build_source(struct listset_builder *b, unsigned source)
{
	b->source = source < 1 ? 1 : source > LISTWIRE_SOURCES ? LISTWIRE_SOURCES : source;
}

uint64_t listset_build_count(const struct listset_builder *b)
{
	return b->n_keys + b->nets4.n + b->nets6.n + b->patterns.n;
}

/* ---- the hash table */

static bool put(struct slot *slots, uint64_t n_slots, uint64_t hash, uint8_t source)
{
	uint64_t at = hash & (n_slots - 1);

	while (slots[at].source) {
		if (slots[at].hash == hash)
			return false;
		at = (at + 1) & (n_slots - 1);
	}
	slots[at] = (struct slot) { hash, source };
	return true;
}

static bool grow_slots(struct listset_builder *b)
{
	uint64_t n = b->header.n_slots ? b->header.n_slots * 2u : SLOTS_FIRST;
	struct slot *old = b->slots, *more;

	if (n * sizeof(uint64_t) > LIMIT_LIST_BYTES) {
		fail(b, ERR_TOO_BIG);
		return false;
	}
	more = calloc(n, sizeof(*more));
	if (!more) {
		fail(b, ERR_NOMEM);
		return false;
	}
	for (uint64_t i = 0; i < b->header.n_slots; i++)
		if (old[i].source)
			put(more, n, old[i].hash, old[i].source);
	free(old);
	b->slots = more;
	b->header.n_slots = (uint32_t)n;
	return true;
}

/* At most six slots of ten are taken, so that searches stay short. */
static bool add_hash(struct listset_builder *b, uint64_t hash)
{
	if (b->failed)
		return false;
	if (b->used >= (uint64_t)b->header.n_slots * 6 / 10 && !grow_slots(b))
		return false;
	if (!put(b->slots, b->header.n_slots, hash, (uint8_t)b->source))
		return false;
	b->used++;
	return true;
}

bool listset_build_name(struct listset_builder *b, struct text name, bool itself, bool below)
{
	bool is_new = false;

	if (itself)
		is_new |= add_hash(b, listset_hash(b->header.key, name.s, name.len));
	if (below) {
		b->header.flags |= LISTWIRE_HAS_SUFFIXES;
		is_new |= add_hash(b, listset_hash_below(b->header.key, name.s, name.len));
	}
	b->n_keys += is_new;
	return is_new;
}

bool listset_build_addr(struct listset_builder *b, const struct ip_addr *a)
{
	bool is_new = add_hash(b, listset_hash(b->header.key, a, sizeof(*a)));

	b->n_keys += is_new;
	return is_new;
}

bool listset_build_digest(struct listset_builder *b, struct text hex)
{
	bool is_new = add_hash(b, listset_hash(b->header.key, hex.s, hex.len));

	b->n_keys += is_new;
	return is_new;
}

/* ---- networks */

static void set_host_bits(const struct ip_net *net, unsigned bits, uint8_t *last)
{
	for (unsigned bit = net->prefix_len; bit < bits; bit++)
		last[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
}

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool listset_build_net(struct listset_builder *b, const struct ip_net *net)
{
	uint8_t last[16];
	struct listwire_net4 *four;
	struct listwire_net6 *six;

	memcpy(last, net->addr.bytes, sizeof(last));
	if (net->addr.family == 4) {
		set_host_bits(net, 32, last);
		four = pile_grow(b, &b->nets4, 1, sizeof(*four));
		if (four)
			*four = (struct listwire_net4) { word(net->addr.bytes), word(last),
				b->source };
		return four;
	}
	set_host_bits(net, 128, last);
	six = pile_grow(b, &b->nets6, 1, sizeof(*six));
	if (six) {
		memcpy(six->first, net->addr.bytes, 16);
		memcpy(six->last, last, 16);
		six->source = b->source;
	}
	return six;
}

/* By where they begin; of those the widest first, and of equal ones the earliest source. */
static int compare_nets4(const void *x, const void *y)
{
	const struct listwire_net4 *a = x, *b = y;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return (a->source > b->source) - (a->source < b->source);
}

static int compare_nets6(const void *x, const void *y)
{
	const struct listwire_net6 *a = x, *b = y;
	int c = memcmp(a->first, b->first, 16);

	if (c == 0)
		c = memcmp(b->last, a->last, 16);
	return c ? c : (a->source > b->source) - (a->source < b->source);
}

/* Networks lie inside one another or apart: what begins inside the last one ends there too. */
static void merge_nets(struct listset_builder *b)
{
	struct listwire_net4 *four = b->nets4.items;
	struct listwire_net6 *six = b->nets6.items;
	size_t n = 0;

	if (b->nets4.n)
		qsort(four, b->nets4.n, sizeof(*four), compare_nets4);
	for (size_t i = 0; i < b->nets4.n; i++)
		if (n == 0 || four[i].first > four[n - 1].last)
			four[n++] = four[i];
	b->nets4.n = n;
	n = 0;
	if (b->nets6.n)
		qsort(six, b->nets6.n, sizeof(*six), compare_nets6);
	for (size_t i = 0; i < b->nets6.n; i++)
		if (n == 0 || memcmp(six[i].first, six[n - 1].last, 16) > 0)
			six[n++] = six[i];
	b->nets6.n = n;
}

/* ---- regular expressions */

int listset_build_pattern(struct listset_builder *b, struct text pattern, struct error *err)
{
	struct listwire_pattern *w;
	struct pattern *p = NULL;
	char *text;
	int r = pattern_new(pattern.s, pattern.len, false, &p, err);

	pattern_free(p);
	if (r < 0)
		return r;
	if (b->patterns.n >= LIMIT_LIST_PATTERNS)
		return error_set(err, ERR_TOO_BIG, NULL,
			"there are more than %d expressions in the folder: this one is left out",
			LIMIT_LIST_PATTERNS);
	text = pile_grow(b, &b->strings, pattern.len, 1);
	w = pile_grow(b, &b->patterns, 1, sizeof(*w));
	if (!text || !w)
		return error_set(err, b->failed, NULL, "%s", err_str(b->failed));
	memcpy(text, pattern.s, pattern.len);
	*w = (struct listwire_pattern) { (uint32_t)(text - (char *)b->strings.items),
		(uint32_t)pattern.len, b->source };
	return 0;
}

/* ---- the end */

/* Fills the table of the file; the longest way that a search takes. */
static void lay_out_slots(struct listset_builder *b, uint64_t *to)
{
	const struct slot *slots = b->slots;
	uint64_t mask = b->header.n_slots - 1;

	for (uint64_t i = 0; i < b->header.n_slots; i++) {
		uint64_t way = (i - slots[i].hash) & mask;

		if (!slots[i].source)
			continue;
		to[i] = (uint64_t)slots[i].source << LISTWIRE_SOURCE_SHIFT | slots[i].hash >> 8;
		if (way > b->header.max_probe)
			b->header.max_probe = (uint32_t)way;
	}
}

static uint8_t *put_bytes(uint8_t *to, const void *from, size_t len)
{
	if (len)
		memcpy(to, from, len);
	return to + len;
}

static void lay_out(struct listset_builder *b, uint8_t *file)
{
	struct listwire_header *h = &b->header;
	uint32_t strings = (uint32_t)(h->total_len - h->strings_len);
	struct listwire_pattern *w = b->patterns.items;
	uint8_t *p = file + sizeof(*h);

	h->max_probe = 0;
	lay_out_slots(b, (void *)p);
	p += h->n_slots * sizeof(uint64_t);
	p = put_bytes(p, b->nets4.items, h->n_nets4 * sizeof(struct listwire_net4));
	p = put_bytes(p, b->nets6.items, h->n_nets6 * sizeof(struct listwire_net6));
	for (uint32_t i = 0; i < h->n_patterns; i++) {
		struct listwire_pattern moved = w[i];

		moved.off += strings;
		p = put_bytes(p, &moved, sizeof(moved));
	}
	put_bytes(p, b->strings.items, h->strings_len);
	memcpy(file, h, sizeof(*h));
}

static int measure(struct listset_builder *b)
{
	struct listwire_header *h = &b->header;

	if (b->failed)
		return b->failed;
	merge_nets(b);
	h->n_nets4 = (uint32_t)b->nets4.n;
	h->n_nets6 = (uint32_t)b->nets6.n;
	h->n_patterns = (uint32_t)b->patterns.n;
	h->strings_len = (uint32_t)b->strings.n;
	h->n_entries = listset_build_count(b);
	h->total_len = sizeof(*h) + h->n_slots * sizeof(uint64_t) +
		       h->n_nets4 * sizeof(struct listwire_net4) +
		       h->n_nets6 * sizeof(struct listwire_net6) +
		       h->n_patterns * sizeof(struct listwire_pattern) + h->strings_len;
	return h->total_len > LIMIT_LIST_BYTES ? ERR_TOO_BIG : 0;
}

int listset_build_fd(struct listset_builder *b)
{
	_cleanup_close_ int fd = -1;
	uint8_t *file;
	int r = measure(b);

	if (r < 0)
		return r;
	fd = memfd_create("opensnitch-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Room at once: a full memory is an error here, and not a signal at the first write. */
	if (fd < 0 || fallocate(fd, 0, 0, (off_t)b->header.total_len) < 0)
		return err_from_errno(errno);
	file = mmap(NULL, b->header.total_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		return err_from_errno(errno);
	lay_out(b, file);
	munmap(file, b->header.total_len);
	if (b->header.max_probe > LIMIT_LIST_PROBES)
		return ERR_TOO_BIG;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_from_errno(errno);
	return steal_fd(&fd);
}
