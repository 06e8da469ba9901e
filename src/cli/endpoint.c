/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/bytes.h"

PRINTF_LIKE(2, 3)
static bool refuse(struct endpoint_problem *problem, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vsnprintf(problem->text, sizeof(problem->text), format, values);
    va_end(values);
    return false;
}

bool endpoint_parse(const char *text, struct endpoint *ret_endpoint,
                    struct endpoint_problem *problem)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    uint64_t port = 0;

    if (colon == NULL || colon == text)
        return refuse(problem, "'%.100s' is not HOST:PORT", text);
    size_t host_len = (size_t)(colon - text);
    if (text[0] == '[' && colon[-1] == ']') {
        host++;
        host_len -= 2;
    } else if (memchr(text, ':', host_len) != NULL) {
        return refuse(problem, "'%.100s': an IPv6 address stands in brackets, [::1]:8087", text);
    }
    if (!bytes_to_u64(bytes_str(colon + 1), &port) || port < 1 || port > 65535)
        return refuse(problem, "'%.100s': the port is a number from 1 to 65535", text);
    if (host_len == 0 || host_len >= sizeof(ret_endpoint->host))
        return refuse(problem, "'%.100s' is not HOST:PORT", text);
    memcpy(ret_endpoint->host, host, host_len);
    ret_endpoint->host[host_len] = '\0';
    (void)snprintf(ret_endpoint->port, sizeof(ret_endpoint->port), "%u", (unsigned)port);
    return true;
}

/* Connects a non-blocking socket: 0 or the errno. */
static int connect_within(int fd, const struct addrinfo *info, uint32_t timeout_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof(err);

    if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    int count = poll(&ready, 1, (int)timeout_ms);
    if (count == 0)
        return ETIMEDOUT;
    if (count < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        return errno;
    return err;
}

static int connect_one(const struct addrinfo *info, uint32_t timeout_ms, int *ret_err)
{
    int one = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    info->ai_protocol);

    if (fd < 0) {
        *ret_err = errno;
        return -1;
    }
    *ret_err = connect_within(fd, info, timeout_ms);
    if (*ret_err != 0) {
        (void)close(fd);
        return -1;
    }
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

int endpoint_connect(const struct endpoint *endpoint, uint32_t timeout_ms,
                     struct endpoint_problem *problem)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int err = 0, fd = -1;
    int failed = getaddrinfo(endpoint->host, endpoint->port, &hints, &list);

    if (failed != 0) {
        (void)refuse(problem, "%s: %s", endpoint->host, gai_strerror(failed));
        return -1;
    }
    for (const struct addrinfo *info = list; info != NULL && fd < 0; info = info->ai_next)
        fd = connect_one(info, timeout_ms, &err);
    freeaddrinfo(list);
    if (fd < 0)
        (void)refuse(problem, "%s port %s: %s", endpoint->host, endpoint->port, strerror(err));
    return fd;
}

bool endpoint_is_free(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return false;
    /* As a node does: what an earlier one left behind in TIME_WAIT does not matter. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool is_free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0;
    (void)close(fd);
    return is_free;
}
