/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions, the sockets that ask them, and the answers that fit. */
#include "config.h"

#include "daemon/dns_watch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/dns.h"
#include "daemon/dns_stream.h"
#include "lib/err.h"
#include "lib/hash.h"

#define SECOND_NS 1000000000ull
#define QUESTION_LIFE_NS (30 * SECOND_NS)
#define MULTICAST_LIFE_NS (10 * SECOND_NS)
#define ASKER_LIFE_NS (2 * SECOND_NS)
#define LOOK_INTERVAL_NS (SECOND_NS / 100)

#define PORT_DNS 53
#define PORT_MDNS 5353
#define PORT_LLMNR 5355

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04

/* What an answer must fit. What it need not fit is zero: of a question to a group who answers, of multicast DNS more. */
struct question_key {
	struct flow flow; /* as the question went */
	uint64_t name_hash; /* keyed, so that nobody can make two names meet */
	uint16_t id;
	uint16_t type;
	uint32_t pad;
};

struct question {
	struct question_key key;
	struct flow flow; /* of the socket that asked */
	uint64_t time_ns;
	struct name_asker
		asker; /* known from the start; pid 0: to be asked when there is an answer */
	bool is_answered;
	struct question *prev, *next; /* the first to go first: answered ones, then the oldest */
	struct hash_node node;
};

struct dns_socket {
	struct flow flow;
	struct name_asker asker;
	uint64_t time_ns;
	struct dns_socket *prev, *next; /* oldest first */
	struct hash_node node;
};

struct stream_key {
	struct flow flow; /* as this machine sends */
	uint32_t is_outgoing;
};

struct stream {
	struct stream_key key;
	struct stream *prev, *next; /* least recently used first */
	struct hash_node node;
	struct dns_stream bytes;
};

struct dns_watch {
	struct names *names;
	void (*who)(void *ctx, const struct flow *flow, struct name_asker *ret);
	void *who_ctx;
	struct dns_watch_stats stats;
	uint64_t looked_ns; /* for who asks by multicast DNS */
	struct hash questions, sockets, streams;
	struct question *oldest_question;
	struct dns_socket *oldest_socket;
	struct stream *stalest_stream;
};

/* A message on its way: what it came in. */
struct arrival {
	struct dns_watch *w;
	struct flow flow; /* as this machine sends */
	enum dns_way way;
	uint64_t now_ns;
};

/* ---- tables */

static void drop_question(struct dns_watch *w, struct question *q)
{
	hash_del(&w->questions, &q->node);
	DL_DELETE(w->oldest_question, q);
	free(q);
}

static void drop_socket(struct dns_watch *w, struct dns_socket *s)
{
	hash_del(&w->sockets, &s->node);
	DL_DELETE(w->oldest_socket, s);
	free(s);
}

static void drop_stream(struct dns_watch *w, struct stream *s)
{
	hash_del(&w->streams, &s->node);
	DL_DELETE(w->stalest_stream, s);
	free(s);
}

struct dns_watch *dns_watch_new(struct names *names,
	void (*who)(void *ctx, const struct flow *flow, struct name_asker *ret), void *ctx)
{
	struct dns_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->names = names;
	w->who = who;
	w->who_ctx = ctx;
	return w;
}

void dns_watch_free(struct dns_watch *w)
{
	if (!w)
		return;
	while (w->oldest_question)
		drop_question(w, w->oldest_question);
	while (w->oldest_socket)
		drop_socket(w, w->oldest_socket);
	while (w->stalest_stream)
		drop_stream(w, w->stalest_stream);
	free(w);
}

void dns_watch_stats(const struct dns_watch *w, struct dns_watch_stats *ret)
{
	*ret = w->stats;
}

/* ---- who asks */

bool dns_watch_is_question(const struct flow *flow)
{
	bool is_udp = flow->proto == IPPROTO_UDP;

	if (!is_udp && flow->proto != IPPROTO_TCP)
		return false;
	return flow->dst_port == PORT_DNS || flow->dst_port == PORT_LLMNR ||
	       (is_udp && flow->dst_port == PORT_MDNS);
}

static struct dns_socket *find_socket(const struct dns_watch *w, const struct flow *flow)
{
	return hash_entry(hash_find(&w->sockets, flow, sizeof(*flow)), struct dns_socket, node);
}

static void renew_socket(struct dns_watch *w, struct dns_socket *s)
{
	DL_DELETE(w->oldest_socket, s);
	DL_APPEND(w->oldest_socket, s);
}

static struct dns_socket *add_socket(struct dns_watch *w, const struct flow *flow)
{
	struct dns_socket *s;

	if (hash_count(&w->sockets) >= LIMIT_DNS_SOCKETS)
		drop_socket(w, w->oldest_socket);
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->flow = *flow;
	if (!hash_add(&w->sockets, &s->node, &s->flow, sizeof(s->flow))) {
		free(s);
		return NULL;
	}
	DL_APPEND(w->oldest_socket, s);
	return s;
}

void dns_watch_asker(struct dns_watch *w, const struct flow *flow, const struct name_asker *asker,
	uint64_t now_ns)
{
	struct dns_socket *s = find_socket(w, flow);

	if (s)
		renew_socket(w, s);
	else
		s = add_socket(w, flow);
	if (!s)
		return;
	s->asker = *asker;
	s->time_ns = now_ns;
}

/* A port may be somebody else's after a while, and that of multicast DNS is many programs' at once: then it is asked anew. */
static struct name_asker asker_of(struct dns_watch *w, const struct flow *flow, uint64_t now_ns)
{
	struct dns_socket *s = flow->src_port == PORT_MDNS ? NULL : find_socket(w, flow);
	struct name_asker asker = { 0 };

	if (s && now_ns - s->time_ns < ASKER_LIFE_NS)
		return s->asker;
	if (w->who)
		w->who(w->who_ctx, flow, &asker);
	dns_watch_asker(w, flow, &asker, now_ns);
	return asker;
}

/* ---- questions */

static struct question_key key_of(const struct flow *flow, const struct dns_question *asked)
{
	const struct dns_name *name = flow->dst_port == PORT_DNS ? &asked->spelled : &asked->name;
	struct question_key key;

	memset(&key, 0, sizeof(key));
	flow_init(&key.flow);
	key.name_hash = hash_bytes(name->bytes, name->len);
	key.flow.proto = flow->proto;
	key.flow.src_port = flow->src_port;
	key.flow.dst_port = flow->dst_port;
	if (!ip_addr_is_multicast(&flow->dst))
		key.flow.dst = flow->dst;
	/* From mDNS's own port: what anybody says there is for all who asked, without an ID (RFC 6762 sections 6 and 18.1). */
	if (flow->dst_port == PORT_MDNS && flow->src_port == PORT_MDNS)
		return key;
	key.id = asked->id;
	key.flow.src = flow->src;
	/* What multicast DNS answers is known by its records alone. */
	if (flow->dst_port != PORT_MDNS)
		key.type = asked->type;
	return key;
}

static struct question *find_question(const struct dns_watch *w, const struct question_key *key,
	uint64_t life_ns, uint64_t now_ns)
{
	struct question *q =
		hash_entry(hash_find(&w->questions, key, sizeof(*key)), struct question, node);

	return q && now_ns - q->time_ns < life_ns ? q : NULL;
}

/* The question that this answers: to this machine, or to a group that it is in. */
static struct question *find_asked(
	const struct arrival *a, const struct dns_question *asked, uint64_t life_ns)
{
	struct question_key key = key_of(&a->flow, asked);
	struct question *q = find_question(a->w, &key, life_ns, a->now_ns);

	if (q || a->flow.proto != IPPROTO_UDP || a->flow.dst_port == PORT_DNS)
		return q;
	memset(&key.flow.dst, 0, sizeof(key.flow.dst));
	return find_question(a->w, &key, life_ns, a->now_ns);
}

static void renew_question(struct dns_watch *w, struct question *q)
{
	DL_DELETE(w->oldest_question, q);
	DL_APPEND(w->oldest_question, q);
}

static struct question *add_question(struct dns_watch *w, const struct question_key *key)
{
	struct question *q;

	if (hash_count(&w->questions) >= LIMIT_DNS_QUERIES)
		drop_question(w, w->oldest_question);
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->key = *key;
	if (!hash_add(&w->questions, &q->node, &q->key, sizeof(q->key))) {
		free(q);
		return NULL;
	}
	DL_APPEND(w->oldest_question, q);
	return q;
}

static void note_question(struct dns_watch *w, const struct flow *flow,
	const struct dns_question *asked, const struct name_asker *asker, uint64_t now_ns)
{
	struct question_key key = key_of(flow, asked);
	struct question *q = find_question(w, &key, UINT64_MAX, now_ns);

	if (q)
		renew_question(w, q);
	else
		q = add_question(w, &key);
	if (!q)
		return;
	q->flow = *flow;
	q->asker = *asker;
	q->time_ns = now_ns;
	q->is_answered = false;
	w->stats.questions++;
}

static void on_query(struct arrival *a, const uint8_t *message, size_t len)
{
	struct dns_question asked[DNS_QUESTIONS_MAX];
	unsigned max = a->flow.dst_port == PORT_MDNS ? DNS_QUESTIONS_MAX : 1;
	int n = dns_parse_query(message, len, asked, max);
	struct name_asker asker = { 0 };

	/* Whose question it is shows best while it is asked; a flood of them must not cost as many looks. */
	if (n > 0 && a->flow.src_port == PORT_MDNS && a->w->who &&
		a->now_ns - a->w->looked_ns >= LOOK_INTERVAL_NS) {
		a->w->looked_ns = a->now_ns;
		a->w->who(a->w->who_ctx, &a->flow, &asker);
	}
	for (int i = 0; i < n; i++)
		note_question(a->w, &a->flow, &asked[i], &asker, a->now_ns);
}

/* ---- answers */

/* A resolver of this machine tells by DNS what it has from neighbours, whom it was seen asking, or out of the hosts file. */
static enum host_source source_of(
	const struct arrival *a, const struct ip_addr *addr, const char *host, size_t host_len)
{
	if (a->flow.dst_port != PORT_DNS)
		return HOST_MDNS;
	if (!ip_addr_is_loopback(&a->flow.dst) && !ip_addr_equal(&a->flow.src, &a->flow.dst))
		return HOST_DNS;
	if (names_has(a->w->names, addr, host, host_len, HOST_MDNS, a->now_ns))
		return HOST_MDNS;
	return names_has(a->w->names, addr, host, host_len, HOST_HOSTS, a->now_ns) ? HOST_HOSTS
										   : HOST_DNS;
}

static void learn(struct arrival *a, const struct question *q, const struct ip_addr *addr,
	const char *host, size_t host_len, uint32_t ttl_s)
{
	struct name_asker asker = q->asker.pid ? q->asker : asker_of(a->w, &q->flow, a->now_ns);
	struct name_fact fact = {
		.source = source_of(a, addr, host, host_len),
		.ttl_s = ttl_s,
		.server = a->flow.dst,
		.asker = asker,
	};

	names_learn(a->w->names, addr, host, host_len, &fact, a->now_ns);
}

/* RFC 4795 sections 2.1.1 and 2.4: who gets a tentative answer passes it over, and who gets one cut short asks again over TCP. */
static bool is_usable(const struct arrival *a, const struct dns_question *answered)
{
	unsigned bad = LLMNR_TENTATIVE;

	if (a->flow.dst_port != PORT_LLMNR)
		return true;
	if (a->flow.proto == IPPROTO_UDP)
		bad |= DNS_TRUNCATED;
	return !(answered->flags & bad);
}

/* Of an answered question only repetitions are to come: it makes room before those that wait. */
static void set_answered(struct dns_watch *w, struct question *q)
{
	q->is_answered = true;
	if (!q->key.flow.dst.family)
		return;
	DL_DELETE(w->oldest_question, q);
	DL_PREPEND(w->oldest_question, q);
}

static void on_answer(struct arrival *a, const uint8_t *message, size_t len)
{
	struct dns_question answered;
	struct dns_answer answer;
	struct question *q;
	int r = dns_parse_response(message, len, &answered);

	if (r == ERR_NOT_FOUND)
		return;
	q = r < 0 ? NULL
		  : find_asked(a, &answered,
			    a->flow.dst_port == PORT_DNS ? QUESTION_LIFE_NS : MULTICAST_LIFE_NS);
	if (!q) {
		a->w->stats.refused++;
		return;
	}
	/* The program takes the first answer, good or bad; a second one is a repetition, or a lie. Of a group, several may answer. */
	if (!is_usable(a, &answered) || (q->is_answered && q->key.flow.dst.family))
		return;
	set_answered(a->w, q);
	r = dns_parse_answer(message, len, &answer);
	if (r == ERR_MALFORMED)
		a->w->stats.refused++;
	if (r < 0)
		return;
	for (unsigned i = 0; i < answer.n; i++)
		learn(a, q, &answer.addresses[i].addr, answer.host, answer.host_len,
			answer.addresses[i].ttl_s);
	a->w->stats.answers++;
}

static const struct question *find_multicast_question(
	const struct arrival *a, uint16_t id, const struct dns_name *name)
{
	const struct dns_question asked = { .id = id, .name = *name };

	return find_asked(a, &asked, MULTICAST_LIFE_NS);
}

/* A question that leads to `name` by one link; by_link[] has the question for the owner of each. NULL: none. */
static const struct question *find_link(const struct mdns_response *m,
	const struct question *const *by_link, const struct dns_name *name)
{
	for (unsigned i = 0; i < m->n_links; i++)
		if (by_link[i] && dns_name_equal(&m->links[i].target, name))
			return by_link[i];
	return NULL;
}

/* Who asked for a kind of service is answered with one that offers it, its machine, and the machine's addresses. */
static void follow_links(
	const struct arrival *a, const struct mdns_response *m, const struct question **ret)
{
	const struct question *asked[MDNS_RECORDS_MAX];

	for (unsigned i = 0; i < m->n_links; i++)
		asked[i] = find_multicast_question(a, m->id, &m->links[i].owner);
	for (unsigned i = 0; i < m->n_links; i++)
		ret[i] = asked[i] ? asked[i] : find_link(m, asked, &m->links[i].owner);
}

static void on_multicast_answer(struct arrival *a, const uint8_t *message, size_t len)
{
	const struct question *by_link[MDNS_RECORDS_MAX];
	struct mdns_response m;
	bool any = false;
	int r = mdns_parse_response(message, len, &m);

	if (r == ERR_MALFORMED)
		a->w->stats.refused++;
	if (r < 0)
		return;
	if (m.n_addresses > 0)
		follow_links(a, &m, by_link);
	for (unsigned i = 0; i < m.n_addresses; i++) {
		const struct mdns_address *found = &m.addresses[i];
		const struct question *q = find_multicast_question(a, m.id, &found->owner);
		char host[LIMIT_HOST + 1];
		size_t host_len = dns_name_text(&found->owner, host, sizeof(host));

		if (!q)
			q = find_link(&m, by_link, &found->owner);
		if (!q || !host_len)
			continue;
		learn(a, q, &found->addr, host, host_len, found->ttl_s);
		any = true;
	}
	a->w->stats.answers += any;
}

static void on_message(void *ctx, const uint8_t *message, size_t len)
{
	struct arrival *a = ctx;

	if (a->way == DNS_SENT)
		on_query(a, message, len);
	else if (a->flow.dst_port == PORT_MDNS)
		on_multicast_answer(a, message, len);
	else
		on_answer(a, message, len);
}

/* ---- streams */

static struct stream *find_stream(const struct dns_watch *w, const struct stream_key *key)
{
	return hash_entry(hash_find(&w->streams, key, sizeof(*key)), struct stream, node);
}

static void renew_stream(struct dns_watch *w, struct stream *s)
{
	DL_DELETE(w->stalest_stream, s);
	DL_APPEND(w->stalest_stream, s);
}

static struct stream *add_stream(struct dns_watch *w, const struct stream_key *key)
{
	struct stream *s;

	if (hash_count(&w->streams) >= LIMIT_DNS_STREAMS)
		drop_stream(w, w->stalest_stream);
	s = malloc(sizeof(*s));
	if (!s)
		return NULL;
	s->key = *key;
	if (!hash_add(&w->streams, &s->node, &s->key, sizeof(s->key))) {
		free(s);
		return NULL;
	}
	DL_APPEND(w->stalest_stream, s);
	return s;
}

static struct stream *open_stream(
	struct dns_watch *w, const struct stream_key *key, const struct packet *p)
{
	struct stream *s = find_stream(w, key);
	struct stream_key ours = *key;

	if (s)
		renew_stream(w, s);
	if (!(p->tcp_flags & TCP_SYN))
		return s;
	/* Only who was called answers: a stranger's SYNs from these ports would push out what matters. */
	ours.is_outgoing = true;
	if (!s && !key->is_outgoing && !find_stream(w, &ours))
		return NULL;
	if (!s)
		s = add_stream(w, key);
	if (!s)
		return NULL;
	dns_stream_init(&s->bytes, p->tcp_seq);
	return s;
}

static void on_segment(struct arrival *a, const struct packet *p)
{
	/* With a SYN the data (TCP Fast Open) begin one number later. */
	uint32_t seq = p->tcp_seq + (p->tcp_flags & TCP_SYN ? 1 : 0);
	struct stream_key key;
	struct stream *s;

	memset(&key, 0, sizeof(key));
	key.flow = a->flow;
	key.is_outgoing = a->way == DNS_SENT;
	s = open_stream(a->w, &key, p);
	if (!s)
		return;
	if ((p->payload_len && !dns_stream_segment(&s->bytes, seq, p->payload, p->payload_len,
				       on_message, a)) ||
		(p->tcp_flags & TCP_RST) || ((p->tcp_flags & TCP_FIN) && s->bytes.n_later == 0))
		drop_stream(a->w, s);
}

void dns_watch_packet(
	struct dns_watch *w, const struct packet *p, enum dns_way way, uint64_t now_ns)
{
	struct arrival a = { .w = w, .flow = p->flow, .way = way, .now_ns = now_ns };

	if (way != DNS_SENT) {
		a.flow.src = p->flow.dst;
		a.flow.src_port = p->flow.dst_port;
		a.flow.dst = p->flow.src;
		a.flow.dst_port = p->flow.src_port;
	}
	if (!dns_watch_is_question(&a.flow) || !p->payload)
		return;
	/* A neighbour is another machine. */
	if (way == DNS_FROM_ELSEWHERE && a.flow.dst_port != PORT_DNS)
		return;
	if (p->flow.proto == IPPROTO_TCP)
		on_segment(&a, p);
	else
		on_message(&a, p->payload, p->payload_len);
}
