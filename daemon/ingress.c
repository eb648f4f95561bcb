/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink: links with the namespace of their other end, and namespaces by an open file. */
#include "config.h"

#include "daemon/ingress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/process.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#define BELIEVED_NS 2000000000u
#define LINKS_CACHED 32
#define BEHIND_MAX 64 /* ports of a bridge that lead to a namespace */
#define NAMES_MAX 256
#define LABELS_MAX 64
#define NO_NSID (-1)
#define MAC_LEN 6

/* What an interface leads to. */
struct link {
	uint32_t ifindex;
	uint64_t asked_ns;
	bool is_bridge;
	unsigned n;
	int32_t nsids[BEHIND_MAX];
};

struct named {
	int32_t nsid;
	uint64_t inode;
	char name[LIMIT_NETNS_NAME + 1];
};

/* A process that was in a namespace: it still tells which container that is, as long as it lives there. */
struct label {
	int32_t nsid;
	int32_t pid;
	uint64_t netns;
	char container[LIMIT_NETNS_NAME + 1];
};

struct ingress {
	struct mnl_socket *nl;
	uint32_t seq;
	char *proc_root, *names_dir;
	struct link links[LINKS_CACHED];
	uint64_t names_ns; /* when they were read; 0: never */
	unsigned n_names;
	struct named names[NAMES_MAX];
	struct label labels[LABELS_MAX];
	unsigned next_label;
};

/* ---- asking the kernel */

/* Sends a request and hands all of its answer to `fn`. 0, or -errno. */
static int ask(struct ingress *in, struct nlmsghdr *request, mnl_cb_t fn, void *ctx)
{
	_Alignas(8) char buf[16384];
	unsigned port = mnl_socket_get_portid(in->nl);
	int r = MNL_CB_OK;

	request->nlmsg_seq = ++in->seq;
	if (mnl_socket_sendto(in->nl, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(in->nl, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)n, in->seq, port, fn, ctx);
		/* What is left of the answer to an earlier request that failed half-way. */
		if (r < 0 && errno == EPROTO)
			r = MNL_CB_OK;
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

static int on_nsid(const struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *attr;
	int32_t *ret = ctx;

	if (nlh->nlmsg_type != RTM_NEWNSID)
		return MNL_CB_STOP;
	mnl_attr_for_each(attr, nlh, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(attr) == NETNSA_NSID &&
			mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*ret = (int32_t)mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

/* The number that the namespace of this open file has here. */
static int32_t nsid_of_file(struct ingress *in, int fd)
{
	_Alignas(8) char buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *gen;
	int32_t nsid = NO_NSID;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	gen->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)fd);
	return ask(in, nlh, on_nsid, &nsid) < 0 ? NO_NSID : nsid;
}

/* One link, or each port of a bridge: what is at its other end. */
struct link_facts {
	struct link *link;
	bool is_bridge;
};

static bool is_bridge(const struct nlattr *linkinfo)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, linkinfo)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return strcmp(mnl_attr_get_str(attr), "bridge") == 0;
	}
	return false;
}

static int on_link(const struct nlmsghdr *nlh, void *ctx)
{
	struct link_facts *facts = ctx;
	struct link *link = facts->link;
	struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			facts->is_bridge = is_bridge(attr);
		if (mnl_attr_get_type(attr) == IFLA_LINK_NETNSID &&
			mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 && link->n < BEHIND_MAX)
			link->nsids[link->n++] = (int32_t)mnl_attr_get_u32(attr);
	}
	return nlh->nlmsg_flags & NLM_F_MULTI ? MNL_CB_OK : MNL_CB_STOP;
}

/* Asks for one interface, or (`master`) for all ports of a bridge. */
static void ask_links(
	struct ingress *in, struct link_facts *facts, uint32_t ifindex, bool is_master)
{
	_Alignas(8) char buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | (is_master ? NLM_F_DUMP : 0);
	info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	if (is_master)
		mnl_attr_put_u32(nlh, IFLA_MASTER, ifindex);
	else
		info->ifi_index = (int)ifindex;
	(void)ask(in, nlh, on_link, facts);
}

static const struct link *link_of(struct ingress *in, uint32_t ifindex)
{
	struct link *link = &in->links[ifindex % LINKS_CACHED];
	struct link_facts facts = { .link = link };
	uint64_t now = clock_mono_ns();

	if (link->ifindex == ifindex && now - link->asked_ns < BELIEVED_NS)
		return link;
	link->ifindex = ifindex;
	link->asked_ns = now;
	link->n = 0;
	ask_links(in, &facts, ifindex, false);
	link->is_bridge = facts.is_bridge;
	if (facts.is_bridge)
		ask_links(in, &facts, ifindex, true);
	return link;
}

static int on_fdb(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	uint32_t *ret = ctx;

	if (nlh->nlmsg_type == RTM_NEWNEIGH && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*nd))
		*ret = (uint32_t)nd->ndm_ifindex;
	return MNL_CB_STOP;
}

/* The port of a bridge at which this address was seen last, or 0: one question about one entry (Linux 5.0). */
static uint32_t port_of_mac(struct ingress *in, uint32_t bridge, const uint8_t *mac)
{
	_Alignas(8) char buf[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *nd;
	uint32_t port = 0;

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = AF_BRIDGE;
	mnl_attr_put_u32(nlh, NDA_MASTER, bridge);
	mnl_attr_put(nlh, NDA_LLADDR, MAC_LEN, mac);
	return ask(in, nlh, on_fdb, &port) < 0 || port == bridge ? 0 : port;
}

/* The namespace that a packet came from, where that is certain. */
static int32_t nsid_of_sender(struct ingress *in, uint32_t ifindex, const uint8_t *mac)
{
	const struct link *link = link_of(in, ifindex);
	uint32_t port;

	if (link->n > 1 && link->is_bridge && mac) {
		port = port_of_mac(in, ifindex, mac);
		if (!port)
			return NO_NSID;
		link = link_of(in, port);
	}
	return link->n == 1 ? link->nsids[0] : NO_NSID;
}

static bool is_behind(const struct link *link, int32_t nsid)
{
	for (unsigned i = 0; i < link->n; i++)
		if (nsid != NO_NSID && link->nsids[i] == nsid)
			return true;
	return false;
}

/* ---- names */

static void read_name(struct ingress *in, const char *file)
{
	struct named *n = &in->names[in->n_names];
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (asprintf(&path, "%s/%s", in->names_dir, file) < 0) {
		path = NULL;
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	n->nsid = nsid_of_file(in, fd);
	n->inode = st.st_ino;
	n->name[utf8_sanitize(file, strlen(file), n->name, sizeof(n->name) - 1)] = '\0';
	in->n_names++;
}

static void read_names(struct ingress *in)
{
	uint64_t now = clock_mono_ns();
	const struct dirent *d;
	DIR *dir;

	if (in->names_ns && now - in->names_ns < BELIEVED_NS)
		return;
	in->names_ns = now;
	in->n_names = 0;
	dir = opendir(in->names_dir);
	while (dir && in->n_names < NAMES_MAX && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			read_name(in, d->d_name);
	if (dir)
		closedir(dir);
}

/* The number of the namespace that a process is in, if that is still `netns`. */
static int32_t nsid_of_pid(struct ingress *in, int32_t pid, uint64_t netns)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/ns/net", in->proc_root, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != netns)
		return NO_NSID;
	return nsid_of_file(in, fd);
}

/* Of a process that is gone, by the name that its namespace still has. */
static int32_t nsid_of(struct ingress *in, const struct process *p)
{
	int32_t nsid = p->netns ? nsid_of_pid(in, p->pid, p->netns) : NO_NSID;

	if (nsid != NO_NSID || !p->netns)
		return nsid;
	read_names(in);
	for (unsigned i = 0; i < in->n_names; i++)
		if (in->names[i].inode == p->netns)
			return in->names[i].nsid;
	return NO_NSID;
}

static struct label *label_of(struct ingress *in, int32_t nsid)
{
	for (unsigned i = 0; i < LABELS_MAX; i++)
		if (in->labels[i].pid && in->labels[i].nsid == nsid)
			return &in->labels[i];
	return NULL;
}

/* The container of a process names its namespace for those that are not found. */
static void note_container(struct ingress *in, int32_t nsid, const struct process *p)
{
	struct label *l;

	if (!p->container)
		return;
	l = label_of(in, nsid);
	if (!l)
		l = &in->labels[in->next_label++ % LABELS_MAX];
	l->nsid = nsid;
	l->pid = p->pid;
	l->netns = p->netns;
	snprintf(l->container, sizeof(l->container), "%s", p->container);
}

bool ingress_leads_to(struct ingress *in, uint32_t ifindex, const struct process *p)
{
	int32_t nsid = nsid_of(in, p);

	if (!is_behind(link_of(in, ifindex), nsid))
		return false;
	note_container(in, nsid, p);
	return true;
}

bool ingress_has_any(struct ingress *in, uint32_t ifindex)
{
	return link_of(in, ifindex)->n > 0;
}

bool ingress_name(struct ingress *in, uint32_t ifindex, const uint8_t *mac, const struct process *p,
	char ret[static LIMIT_NETNS_NAME + 1])
{
	int32_t nsid = p ? nsid_of(in, p) : nsid_of_sender(in, ifindex, mac);
	const struct label *l;

	ret[0] = '\0';
	if (nsid == NO_NSID)
		return false;
	read_names(in);
	for (unsigned i = 0; i < in->n_names && !ret[0]; i++)
		if (in->names[i].nsid == nsid)
			memcpy(ret, in->names[i].name, sizeof(in->names[i].name));
	l = ret[0] ? NULL : label_of(in, nsid);
	if (l && nsid_of_pid(in, l->pid, l->netns) == nsid)
		memcpy(ret, l->container, sizeof(l->container));
	return ret[0] != '\0';
}

/* ---- life */

int ingress_open(
	const char *proc_root, const char *names_dir, struct ingress **ret, struct error *err)
{
	struct ingress *in = calloc(1, sizeof(*in));
	const struct timeval patience = { .tv_usec = 100000 }; /* the kernel answers at once */

	if (!in)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	in->proc_root = strdup(proc_root);
	in->names_dir = strdup(names_dir);
	in->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (in->nl)
		(void)setsockopt(mnl_socket_get_fd(in->nl), SOL_SOCKET, SO_RCVTIMEO, &patience,
			sizeof(patience));
	if (!in->proc_root || !in->names_dir || !in->nl ||
		mnl_socket_bind(in->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int e = errno;

		ingress_close(in);
		return error_set(err, err_from_errno(e), NULL, "cannot ask about interfaces: %s",
			strerror(e));
	}
	*ret = in;
	return 0;
}

void ingress_close(struct ingress *in)
{
	if (!in)
		return;
	if (in->nl)
		mnl_socket_close(in->nl);
	free(in->proc_root);
	free(in->names_dir);
	free(in);
}
