/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT: a name, an IPv4 address, or an IPv6 address in brackets; and its way to a socket
 * address and back. An empty host means every address of the machine. */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "server/limits.h"

struct address {
    char host[ADDRESS_BYTES_MAX]; /* without brackets */
    uint16_t port;
};

/* False when the text is no HOST:PORT. */
bool address_parse(struct bytes text, struct address *ret_address);

/* Writes it as HOST:PORT; false when that is too long. */
bool address_join(const struct address *address, char ret_text[ADDRESS_BYTES_MAX]);

/* The socket address, when the host is a number; false when it is a name. */
bool address_numeric(const struct address *address, struct sockaddr_storage *ret_socket);

/* Writes a socket address as HOST:PORT. */
void address_text(const struct sockaddr *socket, char ret_text[ADDRESS_BYTES_MAX]);

uint16_t address_port(const struct sockaddr *socket);
void address_set_port(struct sockaddr *socket, uint16_t port);

/* Whether nobody but this machine can be behind it. */
bool address_is_loopback(const struct sockaddr *socket);

/* Whether it means every address of the machine. */
bool address_is_any(const struct sockaddr *socket);

#endif
