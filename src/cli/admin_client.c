/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/endpoint.h"

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024, CONNECT_MS = 5000, ANSWER_SECONDS = 60 };

static const char *address_of(const struct cli_call *call)
{
    const char *home = getenv("DASSIE_AT");

    return cli_text(call, "at", home != NULL && home[0] != '\0' ? home : "127.0.0.1:8098");
}

static bool send_all(int fd, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes = bytes_sub(bytes, (size_t)sent, bytes.len);
    }
    return true;
}

/* Reads until the node closes. */
static bool receive_all(int fd, struct buf *answer)
{
    uint8_t piece[16384];

    for (;;) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && !answer->overflow;
        buf_put(answer, bytes_of(piece, (size_t)got));
    }
}

/* The status code and the body of an answer; 0 when it is none. */
static unsigned take_apart(struct bytes answer, struct bytes *ret_body)
{
    uint64_t status;

    if (!bytes_starts(answer, BYTES_LIT("HTTP/1.")) || answer.len < 12 ||
        !bytes_to_u64(bytes_sub(answer, 9, 3), &status))
        return 0;
    for (size_t at = 0; at + 4 <= answer.len; at++) {
        if (memcmp(answer.data + at, "\r\n\r\n", 4) == 0) {
            *ret_body = bytes_sub(answer, at + 4, answer.len);
            return (unsigned)status;
        }
    }
    return 0;
}

static int exchange(const char *address, struct bytes request, struct buf *answer)
{
    struct endpoint_problem problem;
    struct endpoint endpoint;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};

    if (!endpoint_parse(address, &endpoint, &problem))
        return cli_fail(CLI_USAGE, "'%s' is no HOST:PORT: %s", address, problem.text);
    int fd = endpoint_connect(&endpoint, CONNECT_MS, &problem);
    if (fd < 0)
        return cli_fail(CLI_NO_NODE, "no node answers at %s: %s (--at HOST:PORT names another)",
                        address, problem.text);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    bool done = send_all(fd, request) && receive_all(fd, answer);
    (void)close(fd);
    if (!done)
        return cli_fail(CLI_UNKNOWN,
                        "the node at %s gave no whole answer: the change may have been made or not",
                        address);
    return CLI_OK;
}

static void say_refusal(unsigned status, const struct json *json)
{
    struct bytes error = admin_text(json, "error");
    const struct json *properties =
        json == NULL ? NULL : json_member(json, BYTES_LIT("properties"));

    if (error.len > 0)
        cli_say("%.*s", (int)error.len, (const char *)error.data);
    else
        cli_say("the node answered with HTTP status %u", status);
    for (const struct json *at = properties == NULL ? NULL : properties->first; at != NULL;
         at = at->next)
        cli_say("  %.*s: %.*s", (int)at->name.len, (const char *)at->name.data, (int)at->text.len,
                (const char *)at->text.data);
}

static int status_to_exit(unsigned status)
{
    return status == 404 ? CLI_NOT_FOUND : status >= 500 ? CLI_UNHEALTHY : CLI_REFUSED;
}

int admin_ask(const struct cli_call *call, const char *method, const char *path, struct bytes body,
              struct arena *arena, struct bytes *ret_text, const struct json **ret_json)
{
    const char *address = address_of(call);
    const struct json *json = NULL;
    struct buf request, answer;
    struct bytes text;

    buf_init(&request, ANSWER_BYTES_MAX);
    buf_init(&answer, ANSWER_BYTES_MAX);
    buf_printf(&request,
               "%s /dassie/v1/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               method, path, address, body.len);
    buf_put(&request, body);
    int exit_status = exchange(address, buf_bytes(&request), &answer);
    if (exit_status == CLI_OK) {
        unsigned status = take_apart(arena_copy(arena, buf_bytes(&answer)), &text);
        bool read = status != 0 && json_read(arena, text, &json) == ERR_OK;
        if (status == 0 || (status < 300 && !read)) {
            exit_status = cli_fail(
                CLI_FAILED, "what answers at %s is not the HTTP address of a dassie node", address);
        } else if (status >= 300) {
            say_refusal(status, json);
            exit_status = status_to_exit(status);
        } else {
            *ret_text = text;
            *ret_json = json;
        }
    }
    buf_done(&request);
    buf_done(&answer);
    return exit_status;
}

struct bytes admin_text(const struct json *json, const char *name)
{
    const struct json *at = json == NULL ? NULL : json_member(json, bytes_str(name));

    return at == NULL || at->kind != JSON_STRING ? BYTES_NONE : at->text;
}

uint64_t admin_number(const struct json *json, const char *name)
{
    const struct json *at = json == NULL ? NULL : json_member(json, bytes_str(name));
    int64_t value;

    return at != NULL && json_integer(at, &value) && value > 0 ? (uint64_t)value : 0;
}

bool admin_truth(const struct json *json, const char *name)
{
    const struct json *at = json == NULL ? NULL : json_member(json, bytes_str(name));

    return at != NULL && at->kind == JSON_BOOL && at->truth;
}

const struct json *admin_list(const struct json *json, const char *name)
{
    const struct json *at = json == NULL ? NULL : json_member(json, bytes_str(name));

    return at == NULL ? NULL : at->first;
}

int admin_run(const struct cli_call *call, const char *method, const char *path, struct bytes body,
              admin_show_fn *show)
{
    const struct json *answer;
    struct arena arena;
    struct bytes text;
    bool json;

    if (!cli_json(call, &json))
        return CLI_USAGE;
    arena_init(&arena);
    int status = admin_ask(call, method, path, body, &arena, &text, &answer);
    if (status == CLI_OK && json) {
        cli_out(text);
        cli_out(BYTES_LIT("\n"));
    } else if (status == CLI_OK) {
        show(answer);
    }
    arena_done(&arena);
    return status == CLI_OK ? cli_end() : status;
}
