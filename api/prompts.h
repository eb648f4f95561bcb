/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open prompts, as the engine tells them, and their answers.
 *
 * Life of an answer: it is checked, its rule (unless `once`) is stored, the rule set goes to the engine with the prompt's id, then
 * the answer itself; the request waits for IPC_ANSWER_RESULT. When the prompt ended meanwhile the rule is taken back and
 * the client gets 410. The first answer to a prompt that is on its way makes every other one 410.
 */
#ifndef API_PROMPTS_H
#define API_PROMPTS_H

#include "daemon/ipc.h"

struct console;
struct http_request;
struct prompts;
struct sse_client;

/* Returns owned, or NULL. Borrows `c`. */
struct prompts *prompts_new(struct console *c);

/* Answers on their way must have ended (the server stopped). NULL is fine. */
void prompts_free(struct prompts *p);

/* Messages of the engine. */
void prompts_hello(struct prompts *p, const struct ipc_hello *msg);
void prompts_told(struct prompts *p, const struct ipc_prompt *msg);
void prompts_closed(struct prompts *p, const struct ipc_prompt_closed *msg);
void prompts_answer_result(struct prompts *p, const struct ipc_answer_result *msg);

/* Tells a new client of each open prompt. */
void prompts_greet(struct prompts *p, struct sse_client *client);

/* ---- handlers: /api/v1/prompts */
void prompts_list(struct http_request *req);
void prompts_get(struct http_request *req);
void prompts_answer(struct http_request *req);

#endif
