/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT on a command line, and a TCP connection to it. HOST is a name, an IPv4 address or an
 * IPv6 address in brackets. */
#ifndef CLI_ENDPOINT_H
#define CLI_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

enum { ENDPOINT_TEXT_MAX = 300 };

struct endpoint {
    char host[256];
    char port[8]; /* decimal, 1..65535 */
};

/* What went wrong with an address, as the end of a sentence. */
struct endpoint_problem {
    char text[ENDPOINT_TEXT_MAX];
};

/* False, with the reason, when the text is no HOST:PORT. */
bool endpoint_parse(const char *text, struct endpoint *ret_endpoint,
                    struct endpoint_problem *problem);

/* A connected socket with TCP_NODELAY, or -1 with the reason. Tries every address that the name
 * has, `timeout_ms` for each. The socket is blocking. */
int endpoint_connect(const struct endpoint *endpoint, uint32_t timeout_ms,
                     struct endpoint_problem *problem);

/* Whether a node could listen on that port of 127.0.0.1 now. */
bool endpoint_is_free(uint16_t port);

#endif
