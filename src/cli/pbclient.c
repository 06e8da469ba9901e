/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pbclient.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/reader.h"
#include "cli/endpoint.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_GRACE_MS = 2000,                /* the server's own time-out comes first */
    ANSWER_BYTES_MAX = 1024 * 1024 * 1024, /* one message, whatever a server sends */
};

struct pbclient {
    int fd;
    const char *address; /* for words; the caller's */
    struct buf out;
    struct buf in; /* the message that was answered last */
    struct arena arena;
};

int pbclient_open(const char *address, uint32_t timeout_ms, struct pbclient **ret_client)
{
    struct endpoint_problem problem;
    struct endpoint at;
    uint32_t wait_ms = timeout_ms + ANSWER_GRACE_MS;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = (wait_ms % 1000) * 1000};

    if (!endpoint_parse(address, &at, &problem))
        return cli_fail(CLI_USAGE, "%s", problem.text);
    int fd = endpoint_connect(&at, CONNECT_TIMEOUT_MS, &problem);
    if (fd < 0)
        return cli_fail(CLI_NO_NODE,
                        "no node answers there: %s\n"
                        "--at HOST:PORT or DASSIE_PB says where its Protocol Buffers listener is.",
                        problem.text);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    struct pbclient *client = mem_new(sizeof(*client));
    client->fd = fd;
    client->address = address;
    buf_init(&client->out, ASK_BYTES_MAX);
    buf_init(&client->in, ANSWER_BYTES_MAX);
    arena_init(&client->arena);
    *ret_client = client;
    return CLI_OK;
}

void pbclient_close(struct pbclient *client)
{
    if (client == NULL)
        return;
    (void)close(client->fd);
    buf_done(&client->out);
    buf_done(&client->in);
    arena_done(&client->arena);
    mem_free(client);
}

int pbclient_ask(struct pbclient *client, enum pb_code code, const struct ask *ask)
{
    buf_reset(&client->out);
    ask_put(&client->out, code, ask);
    if (client->out.overflow)
        return cli_fail(CLI_USAGE, "a request of more than %d MiB is refused by every node",
                        ASK_BYTES_MAX / 1024 / 1024);
    for (size_t at = 0; at < client->out.len;) {
        ssize_t sent = send(client->fd, client->out.data + at, client->out.len - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return cli_fail(CLI_UNKNOWN, "%s: cannot send: %s", client->address, strerror(errno));
        at += (size_t)sent;
    }
    return CLI_OK;
}

/* Reads exactly `len` bytes. */
static int receive(struct pbclient *client, uint8_t *to, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = recv(client->fd, to + at, len - at, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return cli_fail(CLI_UNKNOWN, "%s: no answer in time: it may have been done or not",
                            client->address);
        if (got < 0)
            return cli_fail(CLI_UNKNOWN, "%s: %s: it may have been done or not", client->address,
                            strerror(errno));
        if (got == 0)
            return cli_fail(CLI_UNKNOWN, "%s closed the connection: it may have been done or not",
                            client->address);
        at += (size_t)got;
    }
    return CLI_OK;
}

static bool begins(struct bytes text, const char *word)
{
    return bytes_starts(text, bytes_str(word));
}

int pbclient_status_of(struct bytes error)
{
    if (bytes_eq(error, BYTES_LIT("timeout")))
        return CLI_UNKNOWN;
    if (bytes_eq(error, BYTES_LIT("notfound")))
        return CLI_NOT_FOUND;
    /* A read that too few answered changed nothing; of a write some replicas may have it. */
    if (begins(error, "{r_val_unsatisfied") || begins(error, "{pr_val_unsatisfied") ||
        begins(error, "{insufficient_") || begins(error, "all_nodes_down") ||
        begins(error, "overload") || begins(error, "disk_full"))
        return CLI_UNHEALTHY;
    struct bytes term = bytes_sub(error, 0, bytes_find(error, ',', 0));
    if (term.len > 12 && bytes_eq(bytes_sub(term, term.len - 12, 12), BYTES_LIT("_unsatisfied")))
        return CLI_UNKNOWN;
    return CLI_REFUSED;
}

int pbclient_answer(struct pbclient *client, enum pb_code expected, struct answer *ret_answer)
{
    uint8_t head[5] = {0};
    int status = receive(client, head, sizeof(head));
    struct reader r = reader_of(bytes_of(head, sizeof(head)));
    size_t len = reader_be32(&r);
    uint8_t code = reader_u8(&r);

    if (status != CLI_OK)
        return status;
    buf_reset(&client->in);
    arena_reset(&client->arena);
    if (len == 0 || (len > 1 && buf_extend(&client->in, len - 1) == NULL))
        return cli_fail(CLI_FAILED, "%s does not speak Riak's Protocol Buffers", client->address);
    status = receive(client, client->in.data, len - 1);
    if (status != CLI_OK)
        return status;
    if (answer_read(&client->arena, code, buf_bytes(&client->in), ret_answer) != ERR_OK ||
        (code != expected && code != PB_ERROR_RESP))
        return cli_fail(CLI_FAILED, "%s does not speak Riak's Protocol Buffers", client->address);
    if (code == PB_ERROR_RESP)
        return cli_fail(pbclient_status_of(ret_answer->error), "%s: %.*s", client->address,
                        (int)(ret_answer->error.len < 2000 ? ret_answer->error.len : 2000),
                        (const char *)ret_answer->error.data);
    return CLI_OK;
}
