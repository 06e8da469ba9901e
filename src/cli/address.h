/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT on a command line, and a TCP connection to it. HOST is a name, an IPv4 address or an
 * IPv6 address in brackets. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_TEXT_MAX = 300 };

struct address {
    char host[256];
    char port[8]; /* decimal, 1..65535 */
};

/* What went wrong with an address, as the end of a sentence. */
struct address_problem {
    char text[ADDRESS_TEXT_MAX];
};

/* False, with the reason, when the text is no HOST:PORT. */
bool address_parse(const char *text, struct address *ret_address, struct address_problem *problem);

/* A connected socket with TCP_NODELAY, or -1 with the reason. Tries every address that the name has,
 * `timeout_ms` for each. The socket is blocking. */
int address_connect(const struct address *address, uint32_t timeout_ms,
                    struct address_problem *problem);

/* A port of 127.0.0.1 on which nobody listens now; 0 when there is none. */
uint16_t address_free_port(void);

#endif
