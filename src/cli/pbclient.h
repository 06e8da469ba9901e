/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking client over Protocol Buffers: one connection, one question at a time. What goes wrong
 * is told to the user here, in words, and comes back as an exit status. */
#ifndef CLI_PBCLIENT_H
#define CLI_PBCLIENT_H

#include "cli/answer.h"
#include "cli/ask.h"
#include "cli/cli.h"

struct pbclient;

/* Connects to HOST:PORT. Returns CLI_OK, or a status after a word to the user. */
int pbclient_open(const char *address, uint32_t timeout_ms, struct pbclient **ret_client)
    MUST_CHECK;

/* NULL is fine. */
void pbclient_close(struct pbclient *client);

/* Sends a question. */
int pbclient_ask(struct pbclient *client, enum pb_code code, const struct ask *ask) MUST_CHECK;

/* Waits for one message; an error message of the server is told to the user and gives its status.
 * The answer is valid until the next call. */
int pbclient_answer(struct pbclient *client, enum pb_code expected, struct answer *ret_answer)
    MUST_CHECK;

/* The exit status that an error text of the server stands for. */
int pbclient_status_of(struct bytes error);

#endif
