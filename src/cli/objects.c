/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/objects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "cli/target.h"

enum { JSON_BYTES_MAX = 1024 * 1024 * 1024, READ_BYTES = 64 * 1024 };

/* `2026-11-24T10:47:02.123456Z` */
static const char *time_text(const struct answer_content *content, char text[64])
{
    time_t seconds = (time_t)content->last_mod_s;
    struct tm parts;
    char date[32];

    (void)gmtime_r(&seconds, &parts);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text, 64, "%s.%06uZ", date, content->last_mod_us % 1000000);
    return text;
}

static void json_content(struct json_out *out, const struct answer_content *content)
{
    char text[64];

    json_open(out, '{');
    json_put_string(out, "vtag", content->vtag);
    json_put_string(out, "last_modified", bytes_str(time_text(content, text)));
    if (content->content_type.data != NULL)
        json_put_string(out, "content_type", content->content_type);
    json_put_bool(out, "deleted", content->deleted);
    json_put_u64(out, "size", content->value.len);
    target_json_bytes(out, "value", content->value);
    json_close(out, '}');
}

static int print_json(const struct target *t, const struct answer *answer)
{
    struct buf text, context;

    buf_init(&text, JSON_BYTES_MAX);
    buf_init(&context, JSON_BYTES_MAX);
    base64_put(&context, answer->context);
    struct json_out out = json_out_of(&text);
    json_open(&out, '{');
    target_json_names(&out, t);
    json_put_string(&out, "context", buf_bytes(&context));
    json_name(&out, BYTES_LIT("siblings"));
    json_open(&out, '[');
    for (uint32_t i = 0; i < answer->content_count; i++)
        json_content(&out, &answer->contents[i]);
    json_close(&out, ']');
    json_close(&out, '}');
    buf_put_u8(&text, '\n');
    cli_out(buf_bytes(&text));
    buf_done(&context);
    buf_done(&text);
    return CLI_OK;
}

static void print_value(struct bytes value)
{
    cli_out(value);
    /* A prompt should not stand behind a value; a pipe gets the value and nothing else. */
    if (isatty(STDOUT_FILENO) && (value.len == 0 || value.data[value.len - 1] != '\n'))
        cli_out(BYTES_LIT("\n"));
}

static int print_siblings(const struct answer *answer)
{
    char line[256], text[64];

    for (uint32_t i = 0; i < answer->content_count; i++) {
        const struct answer_content *content = &answer->contents[i];
        (void)snprintf(line, sizeof(line), "== %.*s  %s  %zu bytes%s\n", (int)content->vtag.len,
                       (const char *)content->vtag.data, time_text(content, text),
                       content->value.len, content->deleted ? ", deleted" : "");
        cli_out(bytes_str(line));
        cli_out(content->value);
        cli_out(BYTES_LIT("\n"));
    }
    cli_say("%u values were written without knowledge of each other.\n"
            "'--sibling VTAG' prints one of them. To settle it, 'dassie get --context FILE', then\n"
            "'dassie put --context FILE' with the value that shall stand for all.",
            answer->content_count);
    return CLI_SIBLINGS;
}

static int print_chosen(const struct answer *answer, const char *vtag)
{
    for (uint32_t i = 0; i < answer->content_count; i++)
        if (bytes_eq(answer->contents[i].vtag, bytes_str(vtag))) {
            print_value(answer->contents[i].value);
            return CLI_OK;
        }
    return cli_fail(CLI_NOT_FOUND, "no value has the tag %s", vtag);
}

static int show(const struct cli_call *call, const struct target *t, const struct answer *answer)
{
    const char *vtag = cli_text(call, "sibling", NULL);

    if (answer->content_count == 0)
        return cli_fail(CLI_NOT_FOUND, "not found: %s in bucket %s", call->operands[1],
                        call->operands[0]);
    if (vtag != NULL)
        return print_chosen(answer, vtag);
    if (t->json)
        return print_json(t, answer);
    if (answer->content_count > 1)
        return print_siblings(answer);
    print_value(answer->contents[0].value);
    return CLI_OK;
}

static int get(const struct cli_call *call, struct target *t)
{
    const char *path = cli_text(call, "context", NULL);
    struct answer answer;

    t->ask.deletedvclock = path != NULL;
    int status = pbclient_ask(t->client, PB_GET_REQ, &t->ask);
    if (status == CLI_OK)
        status = pbclient_answer(t->client, PB_GET_RESP, &answer);
    if (status == CLI_OK && path != NULL && answer.context.len > 0)
        status = target_write_context(path, answer.context);
    return status == CLI_OK ? show(call, t, &answer) : status;
}

static int run_get(const struct cli_call *call)
{
    return target_run(call, 2, get);
}

/* Reads a file, or standard input where `path` is NULL, to its end. */
static int read_value(struct buf *to, const char *path)
{
    FILE *file = path ? fopen(path, "re") : stdin;
    const char *name = path ? path : "standard input";
    size_t got = 0;

    if (file == NULL)
        return cli_fail(CLI_FAILED, "cannot read %s: %s", name, strerror(errno));
    do {
        uint8_t piece[READ_BYTES];
        got = fread(piece, 1, sizeof(piece), file);
        buf_put(to, bytes_of(piece, got));
    } while (got > 0 && !to->overflow);
    bool failed = ferror(file) != 0;
    int why = errno;
    if (path != NULL)
        (void)fclose(file);
    if (failed)
        return cli_fail(CLI_FAILED, "cannot read %s: %s", name, strerror(why));
    if (to->overflow)
        return cli_fail(CLI_USAGE, "%s is larger than any node takes", name);
    return CLI_OK;
}

/* The value from where the command line says it is. */
static int find_value(const struct cli_call *call, struct buf *to)
{
    const char *path = cli_text(call, "file", NULL);
    const char *operand = call->operand_count > 2 ? call->operands[2] : NULL;

    if (operand != NULL && path != NULL)
        return cli_misuse(call, "the value is given twice, as an operand and by --file");
    if (operand == NULL || strcmp(operand, "-") == 0)
        return read_value(to, path);
    buf_put(to, bytes_str(operand));
    return CLI_OK;
}

static struct bytes content_type_of(const struct cli_call *call, struct bytes value)
{
    const char *given = cli_text(call, "content-type", NULL);

    if (given != NULL)
        return bytes_str(given);
    return utf8_valid(value) ? BYTES_LIT("text/plain") : BYTES_LIT("application/octet-stream");
}

static int put_done(const struct cli_call *call, struct target *t)
{
    const char *path = cli_text(call, "context", NULL);
    struct answer answer;
    int status = pbclient_answer(t->client, PB_PUT_RESP, &answer);

    if (status == CLI_OK && path != NULL)
        status = target_write_context(path, answer.context);
    if (status == CLI_OK && t->json)
        status = print_json(t, &answer);
    return status;
}

static int put(const struct cli_call *call, struct target *t)
{
    const char *path = cli_text(call, "context", NULL);
    struct buf value;

    int status = path ? target_read_context(t, path) : CLI_OK;
    buf_init(&value, ASK_BYTES_MAX);
    if (status == CLI_OK)
        status = find_value(call, &value);
    if (status == CLI_OK) {
        t->ask.value = buf_bytes(&value);
        t->ask.content_type = content_type_of(call, t->ask.value);
        t->ask.if_none_match = cli_given(call, "if-none-match");
        t->ask.if_not_modified = cli_given(call, "if-not-modified");
        t->ask.return_head = path != NULL || t->json;
        status = pbclient_ask(t->client, PB_PUT_REQ, &t->ask);
    }
    if (status == CLI_OK)
        status = put_done(call, t);
    buf_done(&value);
    return status;
}

static int run_put(const struct cli_call *call)
{
    return target_run(call, 2, put);
}

static int remove_object(const struct cli_call *call, struct target *t)
{
    const char *path = cli_text(call, "context", NULL);
    struct answer answer;

    int status = path ? target_read_context(t, path) : CLI_OK;
    if (status == CLI_OK)
        status = pbclient_ask(t->client, PB_DEL_REQ, &t->ask);
    if (status == CLI_OK)
        status = pbclient_answer(t->client, PB_DEL_RESP, &answer);
    if (status == CLI_OK && t->json)
        cli_out(BYTES_LIT("{\"deleted\":true}\n"));
    return status;
}

static int run_delete(const struct cli_call *call)
{
    return target_run(call, 2, remove_object);
}

static const struct cli_option get_options[] = {
    TARGET_OPTIONS,
    {"r", 0, "QUORUM", "replicas that must answer: a number, one, quorum or all"},
    {"pr", 0, "QUORUM", "of them, primaries"},
    {"context", 'c', "FILE", "write the causal context there, for put and delete"},
    {"sibling", 0, "VTAG", "of several values print the one with this tag"},
    CLI_OPTION_END,
};

const struct cli_command command_get = {
    .name = "get",
    .operands = "BUCKET KEY",
    .summary = "Print the value of a key",
    .text =
        "The value goes to standard output as it is. Where several values stand side by side all\n"
        "are shown, and the exit status is 7; '-o json' shows one or many in the same form.",
    .options = get_options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_get,
};

static const struct cli_option put_options[] = {
    TARGET_OPTIONS,
    {"file", 'f', "FILE", "take the value from a file"},
    {"content-type", 0, "TYPE", "media type (text/plain, or application/octet-stream)"},
    {"context", 'c', "FILE", "what get wrote: the value replaces what was read; updated"},
    {"w", 0, "QUORUM", "replicas that must have it: a number, one, quorum or all"},
    {"dw", 0, "QUORUM", "of them, on stable storage"},
    {"pw", 0, "QUORUM", "of them, primaries"},
    {"if-none-match", 0, NULL, "only if nothing is there"},
    {"if-not-modified", 0, NULL, "only if nothing was written since --context FILE"},
    CLI_OPTION_END,
};

const struct cli_command command_put = {
    .name = "put",
    .operands = "BUCKET KEY [VALUE]",
    .summary = "Store a value under a key",
    .text =
        "Without VALUE, or with '-', the value is read from standard input. Without --context the\n"
        "write knows nothing of what is there: in a bucket with allow_mult both will stand side\n"
        "by side.",
    .options = put_options,
    .operands_min = 2,
    .operands_max = 3,
    .run = run_put,
};

static const struct cli_option delete_options[] = {
    TARGET_OPTIONS,
    {"context", 'c', "FILE", "what get wrote: only what was read is deleted"},
    {"r", 0, "QUORUM", "replicas that must answer the read before"},
    {"w", 0, "QUORUM", "replicas that must have deleted it"},
    {"dw", 0, "QUORUM", "of them, on stable storage"},
    {"pw", 0, "QUORUM", "of them, primaries"},
    CLI_OPTION_END,
};

const struct cli_command command_delete = {
    .name = "delete",
    .operands = "BUCKET KEY",
    .summary = "Delete a key",
    .text = "A key that is not there counts as deleted.",
    .options = delete_options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_delete,
};
