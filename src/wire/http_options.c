/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http_options.h"

#include "base/check.h"

/* A decimal integer with an optional sign; out of range counts as the nearest end. */
static bool read_integer(struct bytes text, int64_t *ret_value)
{
    bool minus = bytes_starts(text, BYTES_LIT("-"));
    bool plus = bytes_starts(text, BYTES_LIT("+"));
    struct bytes digits = bytes_sub(text, minus || plus ? 1 : 0, text.len);
    uint64_t value;

    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    }
    if (digits.len == 0)
        return false;
    if (!bytes_to_u64(digits, &value) || value > INT64_MAX)
        value = INT64_MAX;
    *ret_value = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

/* A number or one of the words; a negative number asks for nobody, as in Riak. */
static bool read_quorum(struct bytes text, uint32_t *ret_quorum)
{
    static const struct {
        const char *word;
        uint32_t quorum;
    } words[] = {
        {"one", QUORUM_ONE},         {"quorum", QUORUM_QUORUM},   {"all", QUORUM_ALL},
        {"default", QUORUM_DEFAULT}, {"backend", QUORUM_DEFAULT},
    };
    int64_t number;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_eq(text, bytes_str(words[i].word))) {
            *ret_quorum = words[i].quorum;
            return true;
        }
    }
    if (!read_integer(text, &number))
        return false;
    const int64_t most = QUORUM_DEFAULT - 1;
    *ret_quorum = (uint32_t)(number < 0 ? 0 : number > most ? most : number);
    return true;
}

static bool read_boolean(struct bytes text, enum tristate *ret_value)
{
    if (bytes_eq_nocase(text, BYTES_LIT("true")))
        *ret_value = TRI_TRUE;
    else if (bytes_eq_nocase(text, BYTES_LIT("false")))
        *ret_value = TRI_FALSE;
    else if (bytes_eq_nocase(text, BYTES_LIT("default")))
        *ret_value = TRI_DEFAULT;
    else
        return false;
    return true;
}

enum err http_timeout_read(const struct http_request *request, struct arena *arena,
                           uint32_t *ret_timeout_ms, bool *ret_expired, struct buf *problem)
{
    struct bytes text;
    int64_t number;

    *ret_timeout_ms = 0;
    *ret_expired = false;
    if (!http_param(request, arena, BYTES_LIT("timeout"), &text))
        return ERR_OK;
    if (!read_integer(text, &number)) {
        buf_put_str(problem, "Bad timeout value \"");
        buf_put(problem, text);
        buf_put_str(problem, "\"\n");
        return ERR_BAD_REQUEST;
    }
    *ret_expired = number < 0;
    *ret_timeout_ms = (uint32_t)(number < 0 ? 0 : number > UINT32_MAX ? UINT32_MAX : number);
    return ERR_OK;
}

static void read_quorums(const struct http_request *request, struct arena *arena,
                         struct request_options *options, struct buf *problem)
{
    const struct {
        const char *name;
        uint32_t *quorum;
    } params[] = {
        {"r", &options->r},
        {"w", &options->w},
        {"dw", &options->dw},
        {"rw", &options->rw},
        {"pr", &options->pr},
        {"pw", &options->pw},
        {"node_confirms", &options->node_confirms},
    };
    struct bytes text;

    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        if (!http_param(request, arena, bytes_str(params[i].name), &text) ||
            read_quorum(text, params[i].quorum))
            continue;
        buf_put_str(problem, params[i].name);
        buf_put_str(problem, " query parameter must be an integer or one of the following words: "
                             "'one', 'quorum' or 'all'\n");
    }
}

static void read_booleans(const struct http_request *request, struct arena *arena,
                          struct http_options *options, struct buf *problem)
{
    enum tristate asis = TRI_DEFAULT;
    const struct {
        const char *name;
        enum tristate *value;
    } params[] = {
        {"basic_quorum", &options->quorums.basic_quorum},
        {"notfound_ok", &options->quorums.notfound_ok},
        {"asis", &asis},
    };
    struct bytes text;

    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        if (!http_param(request, arena, bytes_str(params[i].name), &text) ||
            read_boolean(text, params[i].value))
            continue;
        buf_put_str(problem, params[i].name);
        buf_put_str(problem, " query parameter must be true or false\n");
    }
    options->asis = asis == TRI_TRUE;
}

/* sync_on_write is checked and changes nothing: an acknowledged write is on stable storage. */
static void check_sync(const struct http_request *request, struct arena *arena, struct buf *problem)
{
    static const char *const words[] = {"default", "backend", "one", "all"};
    struct bytes text;

    if (!http_param(request, arena, BYTES_LIT("sync_on_write"), &text))
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_eq_nocase(text, bytes_str(words[i])))
            return;
    }
    buf_put_str(problem, "sync_on_write query parameter must be one of the following words: "
                         "[default,backend,one,all]\n");
}

enum err http_options_read(const struct http_request *request, struct arena *arena,
                           struct http_options *ret_options, struct buf *problem)
{
    struct bytes text;

    *ret_options = (struct http_options){.expired = false};
    request_options_init(&ret_options->quorums);
    TRY(http_timeout_read(request, arena, &ret_options->quorums.timeout_ms, &ret_options->expired,
                          problem));
    ASSERT(problem->len == 0);
    read_quorums(request, arena, &ret_options->quorums, problem);
    check_sync(request, arena, problem);
    read_booleans(request, arena, ret_options, problem);
    if (problem->len > 0)
        return ERR_BAD_REQUEST;
    ret_options->return_body = http_param(request, arena, BYTES_LIT("returnbody"), &text) &&
                               bytes_eq(text, BYTES_LIT("true"));
    ret_options->has_vtag = http_param(request, arena, BYTES_LIT("vtag"), &ret_options->vtag);
    return ERR_OK;
}
