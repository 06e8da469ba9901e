/* SPDX-License-Identifier: Apache-2.0 */
/* Names are printed as they come, chunk by chunk: a listing may be larger than memory. */
#include "cli/listing.h"

#include "cli/columns.h"
#include "cli/target.h"

enum { CHUNK_BYTES_MAX = 256 * 1024 * 1024 };

static void print_names(const struct answer *answer)
{
    struct buf text;

    buf_init(&text, CHUNK_BYTES_MAX);
    for (uint32_t i = 0; i < answer->name_count; i++) {
        columns_escape(&text, answer->names[i]);
        buf_put_u8(&text, '\n');
    }
    cli_out(buf_bytes(&text));
    buf_done(&text);
}

/* One element of the array for each name: a string, or {"base64": "..."} where it is no UTF-8. */
static void json_names(const struct answer *answer, bool *comma)
{
    struct buf text;

    buf_init(&text, CHUNK_BYTES_MAX);
    struct json_out out = json_out_of(&text);
    out.comma = *comma;
    for (uint32_t i = 0; i < answer->name_count; i++)
        if (utf8_valid(answer->names[i])) {
            json_string(&out, answer->names[i]);
        } else {
            json_open(&out, '{');
            target_json_bytes(&out, "name", answer->names[i]);
            json_close(&out, '}');
        }
    *comma = out.comma;
    cli_out(buf_bytes(&text));
    buf_done(&text);
}

static int list(struct target *t, enum pb_code code, const char *member)
{
    enum pb_code expected = code == PB_LIST_KEYS_REQ ? PB_LIST_KEYS_RESP : PB_LIST_BUCKETS_RESP;
    struct answer answer = {.done = false};
    bool comma = false;
    int status = pbclient_ask(t->client, code, &t->ask);

    if (status == CLI_OK && t->json) {
        cli_out(BYTES_LIT("{\""));
        cli_out(bytes_str(member));
        cli_out(BYTES_LIT("\":["));
    }
    while (status == CLI_OK && !answer.done) {
        status = pbclient_answer(t->client, expected, &answer);
        if (status == CLI_OK && t->json)
            json_names(&answer, &comma);
        else if (status == CLI_OK)
            print_names(&answer);
    }
    if (status == CLI_OK && t->json)
        cli_out(BYTES_LIT("]}\n"));
    return status;
}

static int list_keys(const struct cli_call *call, struct target *t)
{
    (void)call;
    return list(t, PB_LIST_KEYS_REQ, "keys");
}

static int run_keys(const struct cli_call *call)
{
    return target_run(call, 1, list_keys);
}

static int list_buckets(const struct cli_call *call, struct target *t)
{
    (void)call;
    return list(t, PB_LIST_BUCKETS_REQ, "buckets");
}

static int run_buckets(const struct cli_call *call)
{
    return target_run(call, 0, list_buckets);
}

static int ping(const struct cli_call *call, struct target *t)
{
    struct answer answer;
    int status = pbclient_ask(t->client, PB_PING_REQ, &t->ask);

    (void)call;
    if (status == CLI_OK)
        status = pbclient_answer(t->client, PB_PING_RESP, &answer);
    if (status == CLI_OK)
        cli_out(t->json ? BYTES_LIT("{\"ping\":\"pong\"}\n") : BYTES_LIT("pong\n"));
    return status;
}

static int run_ping(const struct cli_call *call)
{
    return target_run(call, 0, ping);
}

static const struct cli_option list_options[] = {
    TARGET_OPTIONS,
    CLI_OPTION_END,
};

const struct cli_command command_keys = {
    .name = "keys",
    .operands = "BUCKET",
    .summary = "List the keys of a bucket",
    .text = "One a line, in no order. What is not printable is shown as \\xNN. Every key of the "
            "bucket\n"
            "is read for this: it is work for the whole cluster.",
    .options = list_options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_keys,
};

const struct cli_command command_buckets = {
    .name = "buckets",
    .operands = "",
    .summary = "List the buckets of a bucket type",
    .text = "A bucket is there as long as a key is in it.",
    .options = list_options,
    .run = run_buckets,
};

const struct cli_command command_ping = {
    .name = "ping",
    .operands = "",
    .summary = "Ask a node whether it is alive",
    .options = list_options,
    .run = run_ping,
};
