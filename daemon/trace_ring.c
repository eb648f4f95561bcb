/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In a mapped buffer the reader owns one page, and when the writer has nothing behind it, writes to the same page: its commit
 * field grows under our eyes. Once the page is final, an ioctl swaps it for the next.
 */
#include "config.h"
#include "daemon/trace_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/err.h"

/* struct trace_buffer_meta of linux/trace_mmap.h, which the headers of older systems lack. */
struct trace_meta {
	uint32_t meta_page_size;
	uint32_t meta_struct_len;
	uint32_t subbuf_size;
	uint32_t nr_subbufs;
	struct {
		uint64_t lost_events;
		uint32_t id;
		uint32_t read;
	} reader;
	uint64_t flags, entries, overrun, read, reserved[2];
};

#define GET_READER _IO('R', 0x20)

/* Records must be visible before the commit that covers them: only where the hardware keeps stores in order. */
#if defined(__x86_64__) || defined(__i386__)
static const bool stores_in_order = true;
#else
static const bool stores_in_order = false;
#endif

void trace_ring_map(struct trace_ring *ring)
{
	size_t meta_len = (size_t)sysconf(_SC_PAGESIZE);
	struct trace_meta *meta;
	void *pages;

	/* Not before all that was read from it is used. */
	if (ring->meta || !stores_in_order || ring->has_next || ring->page.pos < ring->page.len)
		return;
	meta = mmap(NULL, meta_len, PROT_READ, MAP_SHARED, ring->fd, 0);
	if (meta == MAP_FAILED)
		return;
	if (meta->meta_page_size != meta_len ||
		meta->subbuf_size != trace_page_size(ring->layout) || !meta->nr_subbufs ||
		meta->nr_subbufs > UINT32_MAX / meta->subbuf_size)
		goto unmap;
	ring->pages_len = (size_t)meta->subbuf_size * meta->nr_subbufs;
	pages = mmap(NULL, ring->pages_len, PROT_READ, MAP_SHARED, ring->fd, (off_t)meta_len);
	if (pages == MAP_FAILED)
		goto unmap;
	ring->meta = meta;
	ring->pages = pages;
	ring->bytes = NULL;
	memset(&ring->page, 0, sizeof(ring->page));
	free(ring->buf);
	ring->buf = NULL;
	return;
unmap:
	munmap(meta, meta_len);
}

int trace_ring_open(struct trace_ring *ring, int fd, const struct trace_page_layout *layout,
	struct trace_ring_counts *counts)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = fd;
	ring->layout = layout;
	ring->counts = counts;
	ring->buf = malloc(trace_page_size(layout));
	if (ring->buf)
		return 0;
	trace_ring_close(ring);
	return ERR_NOMEM;
}

void trace_ring_close(struct trace_ring *ring)
{
	if (ring->meta) {
		munmap((void *)ring->pages, ring->pages_len);
		munmap((void *)ring->meta, (size_t)sysconf(_SC_PAGESIZE));
	}
	if (ring->fd >= 0)
		close(ring->fd);
	free(ring->buf);
	memset(ring, 0, sizeof(*ring));
	ring->fd = -1;
}

/* Starts on a page; false when nothing can be read from it. */
static bool start_page(struct trace_ring *ring, const uint8_t *bytes, size_t len)
{
	ring->bytes = bytes;
	if (trace_page_init(&ring->page, ring->layout, bytes, len) < 0) {
		ring->counts->malformed++;
		ring->bytes = NULL;
		memset(&ring->page, 0, sizeof(ring->page));
		return false;
	}
	/* The kernel writes the number into the page only when there is room left in it. */
	if (ring->page.lost == 1 && ring->meta && ring->meta->reader.lost_events)
		ring->counts->lost += ring->meta->reader.lost_events;
	else
		ring->counts->lost += ring->page.lost;
	ring->online = ring->online || ring->page.len;
	return ring->page.len > 0;
}

static bool read_page(struct trace_ring *ring)
{
	ssize_t n = read(ring->fd, ring->buf, trace_page_size(ring->layout));

	ring->counts->reads++;
	if (n > 0 && start_page(ring, ring->buf, (size_t)n))
		return true;
	ring->counts->empty_reads++;
	return false;
}

static const uint8_t *mapped_page(const struct trace_ring *ring)
{
	uint32_t id = __atomic_load_n(&ring->meta->reader.id, __ATOMIC_ACQUIRE);
	size_t size = trace_page_size(ring->layout);

	return id < ring->pages_len / size ? ring->pages + id * size : NULL;
}

/* New records on this page of the mapping, without asking the kernel. */
static bool take_from(struct trace_ring *ring, const uint8_t *bytes)
{
	int r;

	if (bytes != ring->bytes)
		return start_page(ring, bytes, trace_page_size(ring->layout));
	r = trace_page_grow(&ring->page, ring->layout, bytes);
	if (r < 0)
		ring->bytes = NULL; /* somebody cleared the buffer */
	return r > 0;
}

/* While the writer is on the page that we know nothing can be on another: no need to ask. */
static bool is_writer_here(const struct trace_ring *ring)
{
	return ring->bytes && ring->page.len && !trace_page_is_final(&ring->page, ring->layout);
}

/*
 * New records in the mapped page, or on the next one. The kernel keeps a reading position of its own: an ioctl first moves
 * it to the end of the page if that grew, and only the next one swaps the page, hence up to two.
 */
static bool next_mapped(struct trace_ring *ring)
{
	bool asked = false;

	for (int i = 0; i < 3; i++) {
		const uint8_t *bytes = mapped_page(ring);

		if (bytes && take_from(ring, bytes)) {
			ring->counts->reads++;
			return true;
		}
		if (!bytes || is_writer_here(ring))
			break;
		asked = true;
		if (ioctl(ring->fd, GET_READER) < 0)
			break;
	}
	ring->counts->reads += asked;
	ring->counts->empty_reads += asked;
	return false;
}

const struct trace_record *trace_ring_peek(struct trace_ring *ring)
{
	/* Pages that hold no record at all are passed over; bounded, so that a strange kernel cannot keep us. */
	for (int i = 0; !ring->has_next && i < 64; i++) {
		int r = trace_page_next(&ring->page, &ring->next);

		if (r > 0)
			ring->has_next = true;
		else if (r < 0)
			ring->counts->malformed++;
		else if (!(ring->meta ? next_mapped(ring) : read_page(ring)))
			break;
	}
	return ring->has_next ? &ring->next : NULL;
}

void trace_ring_pop(struct trace_ring *ring)
{
	ring->has_next = false;
}
