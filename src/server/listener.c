/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "base/check.h"

static enum exit_status refuse(struct why *why, const char *address, int error)
{
    enum exit_status status = EXIT_STATUS_UNAVAILABLE;
    const char *text = uv_strerror(error);

    if (error == UV_EADDRINUSE)
        text = "the port is in use by another process";
    else if (error == UV_EADDRNOTAVAIL)
        text = "this machine has no such address";
    else if (error == UV_EAI_NONAME)
        text = "a name that this machine does not know";
    else if (error == UV_EACCES)
        text = "not allowed to listen on that port";
    if (error == UV_EACCES || error == UV_EPERM)
        status = EXIT_STATUS_PERMISSION;
    else if (error == UV_EMFILE || error == UV_ENFILE)
        status = EXIT_STATUS_OS;
    int len = snprintf(why->text, sizeof(why->text), "cannot listen on %s: %s", address, text);
    ASSERT(len > 0);
    return status;
}

static int listen_one(struct listener *listener, uv_loop_t *uv, struct sockaddr *at,
                      uv_connection_cb accept, void *data)
{
    uv_tcp_t *socket = &listener->sockets[listener->count];
    int error = uv_tcp_init(uv, socket);

    if (error != 0)
        return error;
    socket->data = data;
    listener->count++;
    /* A name that means both kinds of address has a socket for each; "::" alone takes both. */
    unsigned flags = at->sa_family == AF_INET6 && !address_is_any(at) ? UV_TCP_IPV6ONLY : 0;
    error = uv_tcp_bind(socket, at, flags);
    if (error == 0)
        error = uv_listen((uv_stream_t *)socket, LISTEN_BACKLOG, accept);
    return error;
}

static uint16_t real_port(const uv_tcp_t *socket)
{
    struct sockaddr_storage bound;
    int len = sizeof(bound);

    if (uv_tcp_getsockname(socket, (struct sockaddr *)&bound, &len) != 0)
        return 0;
    return address_port((const struct sockaddr *)&bound);
}

static int listen_all(struct listener *listener, uv_loop_t *uv, struct address *address,
                      uv_connection_cb accept, void *data)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *host = address->host[0] == '\0' ? NULL : address->host;
    int error = 0;

    /* Without a host: every address, of both kinds, by one socket. */
    if (host == NULL)
        host = "::";
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return UV_EAI_NONAME;
    listener->loopback = true;
    for (const struct addrinfo *at = found; at != NULL && error == 0; at = at->ai_next) {
        if (listener->count == LISTENER_SOCKETS_MAX)
            break;
        address_set_port(at->ai_addr, address->port);
        listener->loopback = listener->loopback && address_is_loopback(at->ai_addr);
        listener->any = listener->any || address_is_any(at->ai_addr);
        error = listen_one(listener, uv, at->ai_addr, accept, data);
        if (error == 0 && address->port == 0)
            address->port = real_port(&listener->sockets[0]);
    }
    freeaddrinfo(found);
    return error;
}

enum exit_status listener_open(struct listener *listener, uv_loop_t *uv, const char *address,
                               uv_connection_cb accept, void *data, struct why *ret_why)
{
    struct address parsed;

    memset(listener, 0, sizeof(*listener));
    if (!address_parse(bytes_str(address), &parsed)) {
        int len = snprintf(ret_why->text, sizeof(ret_why->text),
                           "%s: is no HOST:PORT (an IPv6 address goes in brackets)", address);
        ASSERT(len > 0);
        return EXIT_STATUS_CONFIG;
    }
    int error = listen_all(listener, uv, &parsed, accept, data);
    if (error != 0) {
        listener_close(listener);
        return refuse(ret_why, address, error);
    }
    ASSERT(listener->count > 0);
    bool fits = address_join(&parsed, listener->text);
    ASSERT(fits);
    return EXIT_STATUS_OK;
}

void listener_close(struct listener *listener)
{
    for (uint32_t i = 0; i < listener->count; i++) {
        uv_handle_t *handle = (uv_handle_t *)&listener->sockets[i];
        if (!uv_is_closing(handle))
            uv_close(handle, NULL);
    }
}
