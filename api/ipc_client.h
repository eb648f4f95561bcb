/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's end of the channel to the engine. */
#ifndef API_IPC_CLIENT_H
#define API_IPC_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/ipc.h"

struct config_values;
struct ipc_client;
struct loop;

struct ipc_client_hooks {
	/* A checked message, and a descriptor that came with it (-1: none); both borrowed, valid during the call. */
	void (*message)(void *ctx, const struct ipc_header *msg, int fd);
	/* The channel ended, or cannot be trusted any more. Called once. */
	void (*closed)(void *ctx);
	void *ctx;
};

/* Watches `fd` (borrowed). Returns owned, or NULL. */
struct ipc_client *ipc_client_new(struct loop *loop, int fd, const struct ipc_client_hooks *hooks);
void ipc_client_free(struct ipc_client *c);

/* Takes what has come, before the loop runs. */
void ipc_client_read(struct ipc_client *c);

/*
 * Ends the message and sends it; what the socket does not take now waits, in order. `pass_fd` is borrowed (-1:
 * none). 0; ERR_CLOSED; ERR_NOMEM or ERR_FULL when too much waits. Only a closed channel is beyond help.
 */
int ipc_client_send(struct ipc_client *c, struct ipc_builder *b, int pass_fd);

int ipc_client_send_ready(struct ipc_client *c);
int ipc_client_send_settings(struct ipc_client *c, const struct config_values *v);
int ipc_client_send_ruleset(struct ipc_client *c, uint64_t generation, uint64_t answers, int fd);
/* Compiled lists (fd >= 0, borrowed), or that no rule names them any more. */
int ipc_client_send_list(struct ipc_client *c, unsigned operand, const char *folder, int fd);
int ipc_client_send_answer(struct ipc_client *c, uint64_t request, uint64_t prompt_id,
	uint8_t action, const char *rule);
int ipc_client_send_clients(struct ipc_client *c, unsigned n);
int ipc_client_send_interception(
	struct ipc_client *c, uint16_t number, bool enabled, uint32_t for_ms);

#endif
