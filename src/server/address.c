/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/check.h"

enum { PORT_MAX = 65535, LOOPBACK_NET = 127 };

bool address_parse(struct bytes text, struct address *ret_address)
{
    struct bytes host, port;
    struct address address;
    uint64_t number = 0;

    text = bytes_trim(text);
    if (text.len > 0 && text.data[0] == '[') {
        size_t end = bytes_find(text, ']', 1);
        if (end + 1 >= text.len || text.data[end + 1] != ':')
            return false;
        host = bytes_sub(text, 1, end - 1);
        port = bytes_sub(text, end + 2, text.len);
    } else {
        size_t colon = bytes_find(text, ':', 0);
        if (colon == text.len || bytes_find(text, ':', colon + 1) != text.len)
            return false;
        host = bytes_sub(text, 0, colon);
        port = bytes_sub(text, colon + 1, text.len);
    }
    if (!bytes_to_u64(port, &number) || number > PORT_MAX)
        return false;
    if (host.len >= sizeof(address.host) || bytes_find(host, '\0', 0) != host.len)
        return false;
    memset(&address, 0, sizeof(address));
    if (host.len > 0)
        memcpy(address.host, host.data, host.len);
    address.port = (uint16_t)number;
    *ret_address = address;
    return true;
}

bool address_join(const struct address *address, char ret_text[ADDRESS_BYTES_MAX])
{
    bool six = strchr(address->host, ':') != NULL;
    int len = snprintf(ret_text, ADDRESS_BYTES_MAX, six ? "[%s]:%u" : "%s:%u", address->host,
                       address->port);

    ASSERT(len > 0);
    return len < ADDRESS_BYTES_MAX;
}

bool address_numeric(const struct address *address, struct sockaddr_storage *ret_socket)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};

    if (inet_pton(AF_INET, address->host, &in.sin_addr) == 1) {
        memcpy(ret_socket, &in, sizeof(in));
        return true;
    }
    if (inet_pton(AF_INET6, address->host, &in6.sin6_addr) == 1) {
        memcpy(ret_socket, &in6, sizeof(in6));
        return true;
    }
    return false;
}

static const struct sockaddr_in *as_in(const struct sockaddr *socket)
{
    return socket->sa_family == AF_INET ? (const struct sockaddr_in *)(const void *)socket : NULL;
}

static const struct sockaddr_in6 *as_in6(const struct sockaddr *socket)
{
    return socket->sa_family == AF_INET6 ? (const struct sockaddr_in6 *)(const void *)socket : NULL;
}

void address_text(const struct sockaddr *socket, char ret_text[ADDRESS_BYTES_MAX])
{
    const struct sockaddr_in *in = as_in(socket);
    const struct sockaddr_in6 *in6 = as_in6(socket);
    char host[INET6_ADDRSTRLEN] = "?";

    if (in != NULL)
        (void)!inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
    else if (in6 != NULL)
        (void)!inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    int len = snprintf(ret_text, ADDRESS_BYTES_MAX, in6 != NULL ? "[%s]:%u" : "%s:%u", host,
                       address_port(socket));
    ASSERT(len > 0 && len < ADDRESS_BYTES_MAX);
}

uint16_t address_port(const struct sockaddr *socket)
{
    if (as_in(socket) != NULL)
        return ntohs(as_in(socket)->sin_port);
    return as_in6(socket) != NULL ? ntohs(as_in6(socket)->sin6_port) : 0;
}

void address_set_port(struct sockaddr *socket, uint16_t port)
{
    if (socket->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)socket)->sin_port = htons(port);
    else if (socket->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)socket)->sin6_port = htons(port);
}

bool address_is_loopback(const struct sockaddr *socket)
{
    const struct sockaddr_in *in = as_in(socket);
    const struct sockaddr_in6 *in6 = as_in6(socket);

    if (in != NULL)
        return ntohl(in->sin_addr.s_addr) >> 24 == LOOPBACK_NET;
    if (in6 == NULL)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return in6->sin6_addr.s6_addr[12] == LOOPBACK_NET;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

bool address_is_any(const struct sockaddr *socket)
{
    const struct sockaddr_in *in = as_in(socket);
    const struct sockaddr_in6 *in6 = as_in6(socket);

    if (in != NULL)
        return in->sin_addr.s_addr == htonl(INADDR_ANY);
    return in6 != NULL && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}
